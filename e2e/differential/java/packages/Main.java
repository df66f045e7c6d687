import shapes.Circle;
import shapes.inner.Deep;

public class Main {
    public static void main(String[] args) {
        System.out.println(new Circle(2).area() + " " + Deep.name() + " " + Helper.twice(4));
        System.out.println(Circle.class.getPackage() + " " + Main.class.getPackage());
        for (Package known : ClassLoader.getSystemClassLoader().getDefinedPackages()) {
            System.out.println(known);
        }
        Deep.fail();
    }
}
