public class Main {
    public static void main(String[] args) throws Exception {
        java.util.List raw = new java.util.ArrayList();
        raw.add("x");
        System.out.println(raw + " " + new Integer(4) + Thread.currentThread().getStackTrace().length);
        Runtime.getRuntime().runFinalization();
    }
}
