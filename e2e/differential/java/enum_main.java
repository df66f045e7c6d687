public enum Main {
    ONE;

    public static void main(String... args) {
        System.out.println(ONE + " " + args.length);
    }
}
