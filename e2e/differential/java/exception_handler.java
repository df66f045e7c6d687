public class Main {
    public static void main(String[] args) throws Exception {
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> System.out.println(thread.getName() + " " + failure));
        throw new Exception("handled");
    }
}
