public class Main {
    public static void main(String[] args) throws Exception {
        new Thread(() -> {
            try {
                Thread.sleep(100);
            } catch (InterruptedException never) {
            }
            System.out.println("after main");
        }).start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("last")));
        throw new Exception("main is gone");
    }
}
