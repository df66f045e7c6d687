// Names that are nobody's, whatever was compiled before.
public class Main {
    public static void main(String[] args) {
        Point point = new Point(1, 2);
        Node<String> node = null;
        Dog dog = null;
        java.util.function.Supplier<Object> supplier = () -> new Circle(1);
        System.out.println(point + " " + node + dog + Node.twice(2));
    }
}
