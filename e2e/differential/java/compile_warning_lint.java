import java.util.*;

public class Main {
    @SuppressWarnings("unchecked")
    static <T> T quiet(Object value) {
        return (T) value;
    }

    @SafeVarargs
    static <T> List<T> all(T... values) {
        return Arrays.asList(values);
    }

    @SuppressWarnings("removal")
    public static void main(String[] args) throws Exception {
        Integer boxed = new Integer(3);
        String text = quiet("text");
        Thread.currentThread().getId();
        System.out.println(boxed + text + all(1, 2) + new Date(99, 0, 1).getYear());
    }
}
