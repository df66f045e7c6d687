import java.util.Scanner;

public class Main {
    public static void main(String[] arguments) {
        var in = new Scanner(System.in);
        System.out.print("What is your name? ");
        var name = in.nextLine();
        System.out.print("And how old are you, " + name + "? ");
        int age = Integer.parseInt(in.nextLine().trim());
        System.out.println("In ten years you will be " + (age + 10) + ".");
    }
}
