public class Main {
    static {
        System.out.println("static " + Thread.currentThread());
        new Exception("in the initialiser").printStackTrace(System.out);
    }

    public static void main(String[] args) {
        System.out.println("main");
    }
}
