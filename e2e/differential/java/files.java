import java.io.FileReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

public class Main {
    public static void main(String[] args) throws Exception {
        Files.writeString(Path.of("made.txt"), "made\n");
        System.out.println(Files.readString(Path.of("made.txt")) + Files.exists(Path.of("/build/made.txt")));
        System.out.println(Path.of("").toAbsolutePath() + " " + System.getProperty("user.dir"));
        try {
            new FileReader("missing.txt");
        } catch (IOException exception) {
            System.out.println(exception.getMessage());
        }
        System.out.println(Main.class.getResource("Main.class") != null);
        System.out.println(Main.class.getResourceAsStream("/nothing"));
    }
}
