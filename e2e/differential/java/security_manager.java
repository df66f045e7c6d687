public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(System.getSecurityManager());
        try {
            System.setSecurityManager(new SecurityManager());
        } catch (UnsupportedOperationException exception) {
            System.out.println(exception.getMessage());
        }
    }
}
