public class Main {
    public static void main(String[] args) throws Exception {
        String[] words = new String[1];
        System.out.println(words[0].length());
    }
}
