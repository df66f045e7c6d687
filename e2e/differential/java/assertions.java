public class Main {
    public static void main(String[] args) throws Exception {
        assert false : "not enabled";
        System.out.println("assertions are off");
        throw new AssertionError("thrown by hand");
    }
}
