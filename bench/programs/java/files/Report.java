import java.util.List;

final class Report {
    private Report() {}

    static String table(List<Shape> shapes) {
        var text = new StringBuilder();
        for (Shape shape : shapes) {
            text.append("%-8s%8.3f%n".formatted(shape.getClass().getSimpleName(), shape.area()));
        }
        return text.toString().stripTrailing();
    }
}
