public class Main {
    public static void main(String[] args) throws Exception {
        Thread thread = new Thread(() -> System.exit(5));
        thread.start();
        Thread.sleep(100000);
    }
}
