public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println("before");
        outer(2);
    }

    static void outer(int number) {
        try {
            inner(number);
        } catch (IllegalStateException cause) {
            throw new RuntimeException("outer", cause);
        }
    }

    static void inner(int number) {
        if (number > 0) {
            inner(number - 1);
        }
        IllegalStateException failure = new IllegalStateException("inner");
        failure.addSuppressed(new Exception("suppressed"));
        throw failure;
    }
}
