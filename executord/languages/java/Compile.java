import com.sun.source.util.JavacTask;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.TypeElement;
import javax.lang.model.type.TypeKind;
import javax.lang.model.util.ElementFilter;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticListener;
import javax.tools.ForwardingJavaFileObject;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;

/**
 * Compiles like {@code javac}, and says which class to run.
 *
 * <p>It differs from {@code javac} in two things. A public class may stand in a file of any name, because people send a
 * program without saying what its file is called. And beside the classes it leaves {@code .main}, an argument file for
 * {@code java} that holds the name of the class to run. What it prints, and with which code it exits, is what
 * {@code javac} does.
 *
 * <p>Usage: {@code java Compile OUTPUT_DIRECTORY MAIN_SOURCE [SOURCE...]}
 */
public final class Compile {
    // The exit codes of javac: what the program gets wrong, what the system lacks, what javac itself gets wrong.
    private static final int OK = 0;
    private static final int ERROR = 1;
    private static final int OUT_OF_RESOURCES = 3;
    private static final int CRASHED = 4;

    private static final String NO_MAIN =
            "error: no class has a main method: public static void main(String[] args)";

    private static final String OUT_OF_RESOURCES_TEXT =
            "\n\nThe system is out of resources.\nConsult the following stack trace for details.\n";

    /** No annotation processor: it would be a program of the user's that runs while compiling. */
    static final List<String> OPTIONS = List.of("-proc:none");

    /** Where there was time before; see CompileSamples. */
    static Prepared prepared;

    public static void main(String[] arguments) throws IOException {
        if (arguments.length < 2) {
            System.err.println("usage: java Compile OUTPUT_DIRECTORY MAIN_SOURCE [SOURCE...]");
            System.exit(2);
        }
        Path output = Path.of(arguments[0]);
        List<String> sources = List.of(arguments).subList(1, arguments.length);
        StringWriter messages = new StringWriter();
        int code = OK;
        if (!compilePrepared(output, sources, messages)) {
            messages = new StringWriter();
            code = compile(output, sources, messages);
        }
        System.err.print(messages);
        // Nobody has anything left to do.
        Runtime.getRuntime().halt(code);
    }

    private static boolean compilePrepared(Path output, List<String> sources, StringWriter messages) throws IOException {
        if (prepared == null) {
            return false;
        }
        Optional<String> mainClass = prepared.compile(output, sources, messages);
        if (mainClass.isPresent()) {
            leave(output, mainClass.get());
        }
        return mainClass.isPresent();
    }

    /** Compiles the sources, the main one first, and returns what to exit with. */
    static int compile(Path output, List<String> sources, StringWriter messages) throws IOException {
        PrintWriter printer = new PrintWriter(messages, true);
        UndecodableText undecodable = new UndecodableText(printer);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files =
                compiler.getStandardFileManager(undecodable, null, StandardCharsets.UTF_8)) {
            locate(files, output);
            // Without a listener for diagnostics javac words and counts them itself.
            JavacTask task = (JavacTask) compiler.getTask(printer, files, null, OPTIONS, null, units(files, sources));
            MainClasses mainClasses = MainClasses.of(task, sources);
            boolean compiled = task.call();
            if (!compiled) {
                return codeOfFailure(messages.getBuffer());
            }
            if (undecodable.errors > 0) {
                printer.println(undecodable.errors + (undecodable.errors == 1 ? " error" : " errors"));
                return ERROR;
            }
            Optional<String> mainClass = mainClasses.choice();
            if (mainClass.isEmpty()) {
                printer.println(NO_MAIN);
                return ERROR;
            }
            leave(output, mainClass.get());
            return OK;
        }
    }

    /** Tells the file manager where classes are. */
    static void locate(StandardJavaFileManager files, Path output) throws IOException {
        files.setLocationFromPaths(StandardLocation.CLASS_OUTPUT, List.of(output));
        files.setLocationFromPaths(StandardLocation.CLASS_PATH, List.of(Path.of(".")));
        // All sources are named. Were they also looked up by name, one could be read a second time as another file.
        files.setLocationFromPaths(StandardLocation.SOURCE_PATH, List.of());
    }

    /** The sources as javac takes them. */
    static List<JavaFileObject> units(StandardJavaFileManager files, List<String> sources) {
        List<JavaFileObject> units = new ArrayList<>();
        for (JavaFileObject file : files.getJavaFileObjectsFromStrings(sources)) {
            // The program runs from the class path, where a module's declaration says nothing.
            if (!file.isNameCompatible("module-info", JavaFileObject.Kind.SOURCE)) {
                units.add(new Source(file));
            }
        }
        return units;
    }

    private static void leave(Path output, String mainClass) throws IOException {
        Files.writeString(output.resolve(".main"), mainClass + "\n");
    }

    /**
     * Tells a program that is wrong from one that is too much for javac, such as an expression nested 10,000 deep.
     * Called as a library javac reports the latter as a bug of its own; called as a command it does not, nor do we.
     */
    private static int codeOfFailure(StringBuffer messages) {
        if (messages.indexOf("An exception has occurred in the compiler") != 0) {
            return ERROR;
        }
        for (Class<?> exhaustion : List.of(StackOverflowError.class, OutOfMemoryError.class)) {
            int trace = messages.indexOf("\n" + exhaustion.getName());
            if (trace >= 0) {
                messages.replace(0, trace + 1, OUT_OF_RESOURCES_TEXT);
                return OUT_OF_RESOURCES;
            }
        }
        return CRASHED;
    }

    /** Text that is not UTF-8 is an error which javac, called as a library, prints but does not count. */
    private static final class UndecodableText implements DiagnosticListener<JavaFileObject> {
        private final PrintWriter printer;
        int errors;

        UndecodableText(PrintWriter printer) {
            this.printer = printer;
        }

        @Override
        public void report(Diagnostic<? extends JavaFileObject> diagnostic) {
            printer.println(diagnostic);
            if (diagnostic.getKind() == Diagnostic.Kind.ERROR) {
                errors++;
            }
        }
    }

    /** A source file of any name, in which a public class may have any name. */
    private static final class Source extends ForwardingJavaFileObject<JavaFileObject> {
        Source(JavaFileObject file) {
            super(file);
        }

        @Override
        public Kind getKind() {
            return Kind.SOURCE;
        }

        @Override
        public boolean isNameCompatible(String simpleName, Kind kind) {
            // javac asks this too to tell module-info and package-info, whose names no class can have.
            boolean className = simpleName.indexOf('-') < 0;
            return className && kind == Kind.SOURCE || super.isNameCompatible(simpleName, kind);
        }
    }

    /** Collects the classes with a main method, in the order in which they are declared. */
    static final class MainClasses implements TaskListener {
        private final JavacTask task;
        private final String mainSource;
        private final List<String> inMainSource = new ArrayList<>();
        private final List<String> elsewhere = new ArrayList<>();

        private MainClasses(JavacTask task, String mainSource) {
            this.task = task;
            this.mainSource = mainSource;
        }

        /** Those that this task finds, with the main source first. */
        static MainClasses of(JavacTask task, List<String> sources) {
            MainClasses found = new MainClasses(task, sources.get(0));
            task.addTaskListener(found);
            return found;
        }

        /** The first one of the main file, else the first one of any file. */
        Optional<String> choice() {
            return (inMainSource.isEmpty() ? elsewhere : inMainSource).stream().findFirst();
        }

        @Override
        public void finished(TaskEvent event) {
            if (event.getKind() == TaskEvent.Kind.ANALYZE && event.getTypeElement() != null) {
                boolean main = event.getSourceFile().getName().equals(mainSource);
                collect(event.getTypeElement(), main ? inMainSource : elsewhere);
            }
        }

        private void collect(TypeElement type, List<String> found) {
            if (ElementFilter.methodsIn(type.getEnclosedElements()).stream().anyMatch(MainClasses::isMain)) {
                found.add(task.getElements().getBinaryName(type).toString());
            }
            ElementFilter.typesIn(type.getEnclosedElements()).forEach(nested -> collect(nested, found));
        }

        private static boolean isMain(ExecutableElement method) {
            return method.getSimpleName().contentEquals("main")
                    && method.getModifiers().containsAll(Set.of(Modifier.PUBLIC, Modifier.STATIC))
                    && method.getReturnType().getKind() == TypeKind.VOID
                    && method.getParameters().size() == 1
                    && method.getParameters().get(0).asType().toString().equals("java.lang.String[]");
        }
    }
}
