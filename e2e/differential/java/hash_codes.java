public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(new Object() + " " + new int[0] + " " + new Main().hashCode());
        for (int i = 0; i < 5; i++) {
            System.out.println(System.identityHashCode(new Object()));
        }
        Runnable runnable = () -> {};
        System.out.println("text".hashCode() + " " + java.util.List.of(1, 2).hashCode());
    }
}
