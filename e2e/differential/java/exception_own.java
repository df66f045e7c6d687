public class Main {
    static class Odd extends RuntimeException {
        @Override
        public String getMessage() {
            throw new IllegalStateException("no message");
        }
    }

    public static void main(String[] args) {
        throw new Odd();
    }
}
