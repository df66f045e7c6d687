import java.io.BufferedReader;
import java.io.InputStreamReader;

public class Main {
    public static void main(String[] args) throws Exception {
        BufferedReader reader = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = reader.readLine()) != null;) {
            System.out.println("<" + line + ">");
        }
        System.out.println(System.in.read() + " " + System.in.available());
    }
}
