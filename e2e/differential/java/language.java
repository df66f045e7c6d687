import java.util.*;
import java.util.function.*;
import java.util.stream.*;

public class Main {
    record Point(int x, int y) {
        Point {
            if (x < 0) {
                throw new IllegalArgumentException("negative");
            }
        }
    }

    sealed interface Shape permits Circle, Square {}

    record Circle(double radius) implements Shape {}

    record Square(double side) implements Shape {}

    enum Colour {
        RED {
            @Override
            String shade() {
                return "dark";
            }
        },
        GREEN;

        String shade() {
            return "light";
        }
    }

    static double area(Shape shape) {
        if (shape instanceof Circle circle) {
            return Math.PI * circle.radius() * circle.radius();
        }
        return ((Square) shape).side();
    }

    public static void main(String[] args) {
        System.out.println(new Point(1, 2) + " " + new Point(1, 2).equals(new Point(1, 2)) + " " + new Point(1, 2).hashCode());
        System.out.println(area(new Circle(1)) + " " + area(new Square(2)) + Colour.RED.shade() + Colour.RED.getClass());
        System.out.println(Stream.of("b", "a", "c").sorted(Comparator.reverseOrder()).collect(Collectors.toList()));
        System.out.println(IntStream.range(0, 100).boxed().collect(Collectors.groupingBy(i -> i % 3, TreeMap::new, Collectors.summingInt(i -> i))));
        System.out.println(IntStream.range(0, 1000).parallel().sum());
        Map<String, Integer> map = new HashMap<>();
        for (String word : "the quick brown fox jumps over the lazy dog".split(" ")) {
            map.merge(word, 1, Integer::sum);
        }
        System.out.println(map + " " + new HashSet<>(map.keySet()));
        Function<Integer, Integer> twice = x -> x * 2;
        System.out.println(twice.andThen(x -> x + 1).apply(4) + " " + twice.getClass().isSynthetic());
        System.out.println(switch (args.length) {
            case 0 -> "none";
            default -> {
                yield "some";
            }
        });
        var text = """
            a block
              of text\
             joined""";
        System.out.println(text + String.format("|%-8s|%08.3f|%,d|", "left", 3.14159, 1234567));
        System.out.println(new Random(42).nextInt(1000) + " " + Objects.hash(1, "a") + " " + Optional.empty());
        try {
            new Point(-1, 0);
        } catch (IllegalArgumentException exception) {
            System.out.println(exception);
        }
        List.of(1).add(2);
    }
}
