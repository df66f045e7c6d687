import java.util.Random;

public class Main {
    public static void main(String[] arguments) {
        var random = new Random();
        int[] counts = new int[13];
        for (int roll = 0; roll < 10_000; roll++) {
            counts[random.nextInt(1, 7) + random.nextInt(1, 7)]++;
        }
        for (int sum = 2; sum <= 12; sum++) {
            System.out.printf("%2d %5d %s%n", sum, counts[sum], "█".repeat(counts[sum] / 40));
        }
    }
}
