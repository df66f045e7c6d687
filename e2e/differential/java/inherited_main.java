class Base {
    static class Deep {}
}

public class Main {
    static final Object LOCK = new Object();

    public static void main(String[] args) throws InterruptedException {
        synchronized (LOCK) {
            LOCK.wait(1);
        }
        System.out.println(Base.Deep.class.getName() + " " + Main.class.getDeclaredFields().length);
        LOCK.notify();
    }
}
