package shapes.inner;

public class Deep {
    public static String name() {
        return Deep.class.getName();
    }

    public static void fail() {
        throw new UnsupportedOperationException(name());
    }
}
