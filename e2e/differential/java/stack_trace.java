public class Main {
    public static void main(String[] args) throws Exception {
        new Exception("printed").printStackTrace();
        for (StackTraceElement element : Thread.currentThread().getStackTrace()) {
            System.out.println(element);
        }
        StackWalker.getInstance().forEach(System.out::println);
        Runnable runnable = () -> new Exception("in a lambda").printStackTrace(System.out);
        runnable.run();
        Thread.dumpStack();
    }
}
