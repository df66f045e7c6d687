import java.io.File;
import java.util.Arrays;

public class Main {
    public static void main(String[] args) throws Exception {
        File[] files = new File("/proc/self/fd").listFiles();
        Arrays.sort(files);
        for (File file : files) {
            System.out.println(file.getName() + " " + file.getCanonicalPath().replaceAll("\\d+", "N"));
        }
    }
}
