public class Main {
    public static void main(String[] args) throws Exception {
        System.out.print("out 1 ");
        System.err.print("err 1 ");
        System.out.println("out 2");
        System.err.println("err 2");
        System.out.printf("%5.2f %s %d%n", 1.5, null, 7L);
        System.out.write('x');
        System.out.println(new char[] {'a', 'b'});
        System.out.println("\u00fc\u4e2d");
        System.out.close();
        System.out.println("never");
        System.out.println(System.out.checkError());
    }
}
