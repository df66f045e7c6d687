import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Compiles sample programs, so that javac is loaded and warm before there is a program. */
final class CompileSamples {
    /** Each round costs CPU time during pre-warming and saves some of the compilation: see docs/launchers.md. */
    private static final int ROUNDS = 3;

    // A reusable javac remembers classes that it has compiled, so they are in a package that no program uses.
    private static final String MAIN =
            """
            package executor$samples;

            import java.io.*;
            import java.util.*;
            import java.util.function.*;
            import java.util.stream.*;

            public class Main {
                record Point(int x, int y) {
                    double length() {
                        return Math.sqrt(x * x + y * y);
                    }
                }

                enum Colour { RED, GREEN }

                sealed interface Shape permits Circle, Square {}

                record Circle(double radius) implements Shape {}

                record Square(double side) implements Shape {}

                static abstract class Animal implements Comparable<Animal> {
                    protected final String name;
                    private static int count = 0;

                    Animal(String name) {
                        this.name = name;
                        count++;
                    }

                    abstract String sound();

                    @Override
                    public int compareTo(Animal other) {
                        return name.compareTo(other.name);
                    }
                }

                static class Dog extends Animal {
                    Dog() {
                        super("dog");
                    }

                    @Override
                    String sound() {
                        return "woof";
                    }
                }

                static <T extends Comparable<T>> T largest(List<? extends T> list) {
                    T best = null;
                    for (T item : list) {
                        if (best == null || item.compareTo(best) > 0) {
                            best = item;
                        }
                    }
                    return best;
                }

                static long factorial(int n) {
                    return n <= 1 ? 1 : n * factorial(n - 1);
                }

                public static void main(String[] args) throws IOException {
                    Scanner scanner = new Scanner(System.in);
                    int n = scanner.hasNextInt() ? scanner.nextInt() : 10;
                    int[] array = new int[n];
                    for (int i = 0; i < n; i++) {
                        array[i] = (i * 7919) % 31;
                    }
                    long sum = 0;
                    int j = 0;
                    while (j < array.length) {
                        sum += array[j++];
                    }
                    Map<String, List<Integer>> groups = new TreeMap<>();
                    for (int value : array) {
                        groups.computeIfAbsent(value % 2 == 0 ? "even" : "odd", key -> new ArrayList<>()).add(value);
                    }
                    groups.forEach((key, list) -> System.out.println(key + ": " + list.size()));
                    var words = "the quick brown fox".split(" ");
                    String joined = Arrays.stream(words).map(String::toUpperCase).sorted(Comparator.comparing(String::length))
                            .collect(Collectors.joining(", ", "[", "]"));
                    System.out.printf("%s %d %.2f%n", joined, sum, new Point(3, 4).length());
                    BiFunction<Integer, Integer, Integer> add = (a, b) -> a + b;
                    Supplier<Animal> supplier = Dog::new;
                    System.out.println(add.apply(1, 2) + supplier.get().sound() + largest(List.of(1, 3, 2)) + factorial(10));
                    Object shape = new Circle(2);
                    if (shape instanceof Circle circle && circle.radius() > 1) {
                        System.out.println(circle);
                    }
                    String text = switch (Colour.valueOf("RED")) {
                        case RED -> "r";
                        case GREEN -> {
                            yield "g";
                        }
                    };
                    switch (text) {
                        case "r":
                            text += 1;
                            break;
                        default:
                            text = null;
                    }
                    StringBuilder builder = new StringBuilder();
                    outer:
                    for (char c = 'a'; c <= 'e'; c++) {
                        do {
                            if (c == 'c') continue outer;
                            builder.append(c);
                        } while (builder.length() < 2);
                    }
                    try (BufferedReader reader = new BufferedReader(new StringReader("1\\n2"))) {
                        System.out.println(reader.lines().mapToInt(Integer::parseInt).sum());
                    } catch (IllegalStateException | NumberFormatException exception) {
                        throw new RuntimeException("never", exception);
                    } finally {
                        builder.setLength(0);
                    }
                    Runnable runnable = new Runnable() {
                        @Override
                        public void run() {
                            System.out.println(Optional.of(words.length).filter(x -> x > 2).orElse(-1));
                        }
                    };
                    Thread thread = new Thread(runnable);
                    thread.start();
                    int[][] grid = {{1, 2}, {3, 4}};
                    grid[0][1] <<= 2;
                    double ratio = (double) grid[0][1] / ~grid[1][0];
                    assert ratio != 0 : "ratio";
                    System.out.println(IntStream.range(0, 5).boxed().collect(Collectors.toList()) + " " + ratio);
                }
            }
            """;

    private static final String OTHER =
            """
            package executor$samples;

            class Node<T> {
                T value;
                Node<T> next;

                Node(T value) {
                    this.value = value;
                }

                static int twice(int n) {
                    return n * 2;
                }
            }
            """;

    /** Loads javac without compiling anything: for programs that come soon. */
    static void start() {
        try {
            Compile.reusableCompiler = new ReusableCompiler();
        } catch (LinkageError differentInternals) {
            // Use the ordinary javac.
        }
    }

    static void warmUp() throws IOException {
        Path directory = Files.createTempDirectory("samples");
        Path output = Files.createDirectory(directory.resolve("out"));
        Path main = Files.writeString(directory.resolve("Main.java"), MAIN);
        Path other = Files.writeString(directory.resolve("Node.java"), OTHER);
        Compile.reusableCompiler = warmUpReusableCompiler(output, List.of(main.toString(), other.toString()));
        // Errors take another path: another javac formats the messages.
        Files.writeString(main, "public class Main { int x = \"text\"; void f() { undefined(); } }");
        Compile.compile(output, List.of(main.toString()), new StringWriter());
        delete(directory);
    }

    /**
     * Returns a warm compiler, or null if the internals of the JDK's javac are not the expected ones. In that case the
     * classes of the ordinary javac are warm.
     */
    private static ReusableCompiler warmUpReusableCompiler(Path output, List<String> samples) throws IOException {
        try {
            ReusableCompiler compiler = new ReusableCompiler();
            boolean works = true;
            for (int i = 0; i < ROUNDS && works; i++) {
                works = compiler.compile(output, samples, new StringWriter()).isPresent();
            }
            if (works) {
                return compiler;
            }
        } catch (LinkageError differentInternals) {
            // Use the ordinary javac.
        }
        for (int i = 0; i < ROUNDS; i++) {
            Compile.compile(output, samples, new StringWriter());
        }
        return null;
    }

    private static void delete(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            try (var entries = Files.list(path)) {
                for (Path entry : entries.toList()) {
                    delete(entry);
                }
            }
        }
        Files.delete(path);
    }
}
