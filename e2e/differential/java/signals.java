public class Main {
    public static void main(String[] args) throws Exception {
        sun.misc.Signal.handle(new sun.misc.Signal("USR2"), signal -> System.out.println("caught " + signal));
        sun.misc.Signal.raise(new sun.misc.Signal("USR2"));
        Thread.sleep(100);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        ProcessHandle.current().info();
        new ProcessBuilder("kill", "-TERM", String.valueOf(ProcessHandle.current().pid())).start();
        Thread.sleep(10000);
    }
}
