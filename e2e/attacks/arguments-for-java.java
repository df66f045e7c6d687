// tries: to pass arguments that the JVM might treat as its own
// threat: a/arguments
// stopped-by: they come after the class
// status: ok
// args: ["@/etc/passwd", "-version", "--module-path=/", "-XX:+PrintFlagsFinal", "@argfile", "--disable-@files", ""]
// args-echo: ARGS=
public class Main {
    public static void main(String[] args) {
        StringBuilder line = new StringBuilder("ARGS=[");
        for (String arg : args) line.append(line.length() > 6 ? "," : "").append('"').append(arg).append('"');
        System.out.println(line.append(']'));
    }
}
