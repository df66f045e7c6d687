import java.util.Map;
import java.util.Timer;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public class Main {
    public static void main(String[] args) throws Exception {
        Thread current = Thread.currentThread();
        System.out.println(current + " " + current.getId() + " " + current.isDaemon() + " " + current.getContextClassLoader().getClass());
        Thread first = new Thread(() -> System.out.println("in " + Thread.currentThread()));
        Thread second = new Thread(() -> { throw new IllegalStateException("in a thread"); });
        System.out.println(first.getName() + " " + first.getId() + " " + second.getName() + " " + second.getId());
        first.start();
        first.join();
        second.start();
        second.join();
        for (Thread thread : new TreeMap<>(names()).values()) {
            System.out.println(thread + " " + thread.getId() + " " + thread.isDaemon() + " " + thread.getState());
        }
        System.out.println(Thread.activeCount() + " " + current.getThreadGroup().getParent());
        ExecutorService pool = Executors.newFixedThreadPool(1);
        System.out.println(pool.submit(() -> Thread.currentThread().getName()).get());
        pool.shutdown();
        System.out.println(CompletableFuture.supplyAsync(() -> Thread.currentThread().getName().replaceAll("-\\d+$", "")).get());
        System.out.println(new Timer().hashCode() == 0);
        System.exit(0);
    }

    static Map<String, Thread> names() {
        Map<String, Thread> names = new TreeMap<>();
        Thread.getAllStackTraces().keySet().forEach(thread -> names.put(thread.getName(), thread));
        return names;
    }
}
