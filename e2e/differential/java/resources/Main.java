import java.io.File;
import java.util.Arrays;
import java.util.ResourceBundle;
import java.util.Scanner;

public class Main {
    public static void main(String[] args) throws Exception {
        try (Scanner scanner = new Scanner(new File("data/numbers.txt"))) {
            System.out.println(scanner.nextInt() + scanner.nextInt());
        }
        System.out.println(new String(Main.class.getResourceAsStream("/data/numbers.txt").readAllBytes()));
        System.out.println(ResourceBundle.getBundle("words").getString("hello"));
        System.out.println(Arrays.toString(new File(".").list().length == 3 ? new String[] {"three"} : new File(".").list()));
    }
}
