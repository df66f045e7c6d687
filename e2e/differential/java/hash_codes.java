public class Main {
    public static void main(String[] args) {
        // Before a string is put together: what the JVM makes for that has hash codes of the same sequence.
        System.out.println(new Object().hashCode());
        System.out.println(new int[0].hashCode());
        System.out.println(new Main());
        System.out.println("text".hashCode());
    }
}
