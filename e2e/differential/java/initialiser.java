public class Main {
    static int number = Integer.parseInt("no number");

    public static void main(String[] args) {
        System.out.println("never");
    }
}
