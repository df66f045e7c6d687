import java.util.*;
import java.util.function.*;

// Names of the JDK's and of others, with another meaning.
public class Main {
    record Point(double x, double y, double z) {}

    static class Node<K, V> {
        K key;
        V value;
        Node<K, V> next;

        static int twice(int n) {
            return n * 3;
        }
    }

    interface List {
        int size();
    }

    static class String {
        @Override
        public java.lang.String toString() {
            return "own string";
        }
    }

    enum Colour { BLUE, YELLOW { @Override int code() { return 2; } }; int code() { return 1; } }

    static class Optional<T> implements Supplier<T> {
        public T get() {
            return null;
        }
    }

    public static void main(java.lang.String[] args) {
        List list = () -> 7;
        System.out.println(new Point(1, 2, 3) + " " + Node.twice(2) + " " + list.size() + " " + new String());
        System.out.println(Arrays.toString(Colour.values()) + Colour.YELLOW.code() + new Optional<Integer>().get());
        for (Class<?> type : Main.class.getDeclaredClasses()) {
            System.out.println(type.getName() + " " + type.getModifiers());
        }
        Runnable first = () -> System.out.println(new Object() {}.getClass().getName());
        first.run();
        System.out.println(first.getClass().isSynthetic());
        for (var method : Main.class.getDeclaredMethods()) {
            if (method.isSynthetic()) {
                System.out.println(method.getName());
            }
        }
    }
}
