public class Main {
    public static void main(String[] args) throws Exception {
        try {
            long[] huge = new long[Integer.MAX_VALUE];
            System.out.println(huge.length);
        } catch (OutOfMemoryError error) {
            System.out.println(error.getMessage());
        }
        throw new OutOfMemoryError("by hand");
    }
}
