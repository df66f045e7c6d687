import java.util.List;

public class Main {
    public static void main(String[] args) {
        List<Shape> shapes = List.of(new Square(2), new Circle(1), new Square(3));
        System.out.println(Report.table(shapes));
    }
}
