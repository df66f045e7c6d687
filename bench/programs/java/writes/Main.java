import java.io.PrintWriter;

public class Main {
    public static void main(String[] args) {
        var out = new PrintWriter(System.out);
        for (int number = 0; number < 40000; number++) {
            out.println("line " + number);
        }
        out.flush();
    }
}
