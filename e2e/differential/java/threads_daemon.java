public class Main {
    public static void main(String[] args) throws Exception {
        Thread thread = new Thread(() -> {
            while (true) {
                Thread.onSpinWait();
            }
        });
        thread.setDaemon(true);
        thread.start();
        System.out.println("nobody waits");
    }
}
