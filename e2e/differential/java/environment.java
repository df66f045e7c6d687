import java.util.TreeMap;

public class Main {
    public static void main(String[] args) throws Exception {
        new TreeMap<>(System.getenv()).forEach((name, value) -> {
            if (!name.matches("HOME|USER|LOGNAME")) {
                System.out.println(name + "=" + value);
            }
        });
        System.out.println(System.console() + " " + new java.io.File(".").getAbsolutePath());
    }
}
