public class Main {
    public static void main(String[] args) throws Exception {
        try {
            down(0);
        } catch (StackOverflowError error) {
            System.out.println(error.getMessage() + " " + error.getStackTrace().length + " " + (deepest > 5000));
        }
        down(0);
    }

    static int deepest;

    static int down(int number) {
        deepest = Math.max(deepest, number);
        return down(number + 1) + 1;
    }
}
