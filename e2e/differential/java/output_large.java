import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;

public class Main {
    public static void main(String[] args) throws Exception {
        for (int number = 0; number < 20000; number++) {
            System.out.println(number + " xxxxxxxxxxxxxxxxxxxx");
        }
        PrintStream buffered = new PrintStream(new FileOutputStream(FileDescriptor.out), false);
        buffered.print("y".repeat(200000));
        buffered.flush();
    }
}
