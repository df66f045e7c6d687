package sun.launcher;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Scanner;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import jdk.internal.loader.URLClassPath;

/**
 * Uses the classes that most programs use, so that they are loaded, linked and initialized before there is a program.
 *
 * <p>A program must not be able to observe this afterwards: this class creates no threads with a factory that numbers them,
 * adds no hooks, writes nothing to the standard streams, and sets no properties. The launcher defines it in a package of the
 * JDK, where programs cannot find it, and where it does not conflict with a class of the same name.
 */
final class WarmUp {
    /** Launch mode of LauncherHelper: the main class is given by name, not as a JAR. */
    private static final int LM_CLASS = 1;

    record Point(int x, String name) {}

    enum Colour { RED, GREEN }

    /** Loads what finds the classes of the program, and nothing that it uses: for programs that come soon. */
    static void start() throws IOException {
        findClasses();
    }

    static void warmUp() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        String input = "3 4 five\nline 2\n";

        Scanner scanner = new Scanner(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        int sum = scanner.nextInt() + scanner.nextInt();
        String word = scanner.next() + scanner.nextLine();
        while (scanner.hasNextLine()) {
            word += scanner.nextLine();
        }
        BufferedReader reader =
                new BufferedReader(new InputStreamReader(new ByteArrayInputStream(input.getBytes())));
        for (String line; (line = reader.readLine()) != null;) {
            out.println(line.trim().split(" ").length + Integer.parseInt("1"));
        }

        out.println("sum " + sum + ' ' + 1.5 + word + 7L + true);
        out.printf("%d %5.2f %-6s|%s %x%n", sum, 1.5, word, List.of(1, 2), 255);
        out.println(String.format("%03d", 7) + String.join(",", List.of("a", "b")) + 'c' + "x".repeat(3));
        out.println(new StringBuilder().append(1).append('c').append(2.5).reverse());
        out.print(1);
        out.print('c');
        out.println(2L);
        out.println(3.5);

        List<Integer> numbers = new ArrayList<>(List.of(5, 3, 9));
        numbers.sort((a, b) -> b - a);
        Collections.sort(numbers);
        int[] array = {3, 1, 2};
        Arrays.sort(array);
        out.println(Arrays.toString(array) + numbers + Arrays.asList(1, 2));
        Map<String, Integer> counts = new HashMap<>();
        for (String name : "a b a".split("\\s+")) {
            counts.merge(name, 1, Integer::sum);
        }
        counts.computeIfAbsent("z", key -> 2);
        counts.forEach((key, value) -> out.println(key + "=" + value));
        out.println(new TreeMap<>(counts));
        out.println(IntStream.rangeClosed(1, 5).map(i -> i * i).filter(i -> i % 2 == 1).sum());
        out.println(numbers.stream().map(String::valueOf).collect(Collectors.joining(", ")));
        out.println(numbers.stream().collect(Collectors.groupingBy(i -> i % 2, Collectors.counting())));
        out.println(numbers.stream().mapToInt(Integer::intValue).max().getAsInt());
        PriorityQueue<Integer> queue = new PriorityQueue<>(numbers);
        ArrayDeque<Integer> deque = new ArrayDeque<>();
        deque.push(queue.poll());

        Point point = new Point(1, "p");
        out.println(point + " " + point.equals(new Point(1, "p")) + point.hashCode());
        Function<Integer, Function<Integer, Integer>> add = a -> b -> a + b;
        out.println(add.apply(1).apply(2) + Optional.of("x").map(String::length).orElse(0));
        out.println(Math.sqrt(2) + Math.floorMod(-1, 3));
        switch (Colour.valueOf("RED")) {
            case RED -> out.println(Colour.values().length);
            default -> out.println();
        }
        switch (word) {
            case "never" -> out.println();
            default -> out.println(word.hashCode());
        }
        try {
            Object[] none = {};
            out.println(none[sum]);
        } catch (ArrayIndexOutOfBoundsException exception) {
            new IllegalStateException("never seen", exception).printStackTrace(out);
        }
        Runnable nothing = () -> {};
        synchronized (bytes) {
            nothing.run();
        }
        findClasses();
    }

    /** Searches for a main class and reads a file of a directory, as the JVM does for the classes of a program. */
    private static void findClasses() throws IOException {
        LauncherHelper.checkAndLoadMain(true, LM_CLASS, WarmUp.class.getName());
        URL directory = Path.of(System.getProperty("java.home")).toUri().toURL();
        new URLClassPath(new URL[] {directory}, null).getResource("release").getBytes();
        try {
            Class.forName("none$", false, ClassLoader.getSystemClassLoader());
        } catch (ClassNotFoundException exception) {
            // As intended.
        }
    }

    /** Lets {@link #findClasses} find this class as a main class. */
    public static void main(String[] arguments) {}
}
