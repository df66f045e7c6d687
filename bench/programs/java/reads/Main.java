import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.StringTokenizer;

public class Main {
    public static void main(String[] args) throws IOException {
        var reader = new BufferedReader(new InputStreamReader(System.in));
        long count = 0, total = 0, largest = 0;
        for (String line; (line = reader.readLine()) != null; ) {
            var words = new StringTokenizer(line);
            while (words.hasMoreTokens()) {
                long number = Long.parseLong(words.nextToken());
                count++;
                total += number;
                largest = Math.max(largest, number);
            }
        }
        System.out.println(count + " " + total + " " + largest);
    }
}
