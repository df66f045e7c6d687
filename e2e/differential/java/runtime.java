import java.lang.management.ManagementFactory;
import java.nio.charset.Charset;
import java.util.Locale;
import java.util.TimeZone;

public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(Runtime.version() + " " + Runtime.getRuntime().availableProcessors());
        System.out.println(ManagementFactory.getRuntimeMXBean().getInputArguments());
        System.out.println(Runtime.getRuntime().maxMemory());
        ManagementFactory.getGarbageCollectorMXBeans().forEach(bean -> System.out.println(bean.getName()));
        System.out.println(ManagementFactory.getThreadMXBean().getThreadCount());
        System.out.println(Charset.defaultCharset() + " " + Locale.getDefault() + " " + TimeZone.getDefault().getID());
    }
}
