public class Main {
    public static void main(String[] args) throws Exception {
        for (int i = 0; i < 2; i++) {
            try {
                System.out.println(Bad.value);
            } catch (Throwable failure) {
                failure.printStackTrace();
            }
        }
        System.out.println(Lazy.value);
    }

    static class Bad {
        static int value = 1 / (int) (System.nanoTime() * 0);
    }

    static class Lazy {
        static {
            System.out.println("initialised when used");
        }

        static int value = 1;
    }
}
