public class Main {
    public static void main(String[] args) throws Exception {
        ClassLoader loader = Main.class.getClassLoader();
        System.out.println(loader.getClass().getName() + " " + loader.getParent().getClass().getName() + " " + loader.getParent().getParent());
        System.out.println(Main.class.getModule().isNamed() + " " + Main.class.getPackageName() + "|" + Main.class.getProtectionDomain().getCodeSource().getLocation().getPath().endsWith("/"));
        for (String name : new String[] {"java.util.List", "Nothing", "WarmUp", "sun.launcher.Nothing", "Compile", "CompileSamples"}) {
            try {
                System.out.println(Class.forName(name));
            } catch (ClassNotFoundException | NoClassDefFoundError failure) {
                System.out.println(failure);
            }
        }
        System.out.println(Class.forName("Main$Inner").getDeclaredConstructor().newInstance());
        Object proxy = java.lang.reflect.Proxy.newProxyInstance(loader, new Class<?>[] {Runnable.class}, (self, method, arguments) -> {
            System.out.println("called " + method.getName());
            return null;
        });
        ((Runnable) proxy).run();
        System.out.println(proxy.getClass().getName() + " " + loader.getDefinedPackages().length);
    }

    static class Inner {
        @Override
        public String toString() {
            return "inner";
        }
    }
}
