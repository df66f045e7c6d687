public class Main {
    public static void main(String[] args) throws Exception {
        int[] array = new int[2];
        array[args.length + 5] = 1;
    }
}
