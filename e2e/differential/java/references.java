import java.lang.ref.Cleaner;
import java.lang.ref.WeakReference;

public class Main {
    public static void main(String[] args) throws Exception {
        Object object = new Object();
        WeakReference<Object> reference = new WeakReference<>(object);
        System.out.println(reference.get() == object);
        object = null;
        System.gc();
        System.out.println(reference.get());
        Cleaner cleaner = Cleaner.create();
        cleaner.register(new Object(), () -> System.out.println("cleaned"));
        for (int i = 0; i < 50; i++) {
            System.gc();
            Thread.sleep(2);
        }
        ThreadLocal<Integer> local = ThreadLocal.withInitial(() -> 3);
        System.out.println(local.get());
    }
}
