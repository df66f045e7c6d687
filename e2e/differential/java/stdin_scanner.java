import java.util.Scanner;

public class Main {
    public static void main(String[] args) throws Exception {
        Scanner scanner = new Scanner(System.in);
        System.out.println(scanner.nextLine());
        System.out.println(scanner.nextInt() + scanner.nextInt());
        while (scanner.hasNext()) {
            System.out.println(scanner.next());
        }
        scanner.nextInt();
    }
}
