package shapes;

public record Circle(double radius) {
    public double area() {
        return radius * radius;
    }
}
