public class Main {
    public static void main(String[] args) throws Exception {
        Process process = new ProcessBuilder("sh", "-c", "cat; echo err >&2; exit 3").redirectErrorStream(true).start();
        process.getOutputStream().write("fed".getBytes());
        process.getOutputStream().close();
        System.out.println(new String(process.getInputStream().readAllBytes()) + process.waitFor());
        Process java = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-version").redirectErrorStream(true).start();
        System.out.println(new String(java.getInputStream().readAllBytes()).lines().count());
        new ProcessBuilder("sh", "-c", "ls /proc/self/fd | tr '\\n' ' '").inheritIO().start().waitFor();
    }
}
