import com.sun.source.util.JavacTask;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.io.File;
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
 * Compiles like {@code javac}, and determines which class to run.
 *
 * <p>It differs from {@code javac} in two respects. A public class may be in a file of any name, because clients may send
 * a program without a file name. And in addition to the classes it writes {@code .main}, an argument file for {@code java}
 * with the name of the class to run. Its output and its exit code are those of {@code javac}.
 *
 * <p>Usage: {@code java Compile [OPTION...] OUTPUT_DIRECTORY MAIN_SOURCE [SOURCE...]}. The options are those of javac that are
 * one word each, and {@code --main-class=NAME} for the class to run.
 */
public final class Compile {
    // The exit codes of javac: errors in the program, invalid options, exhausted resources, and bugs in javac.
    private static final int OK = 0;
    private static final int ERROR = 1;
    private static final int WRONG_OPTIONS = 2;
    private static final int OUT_OF_RESOURCES = 3;
    private static final int CRASHED = 4;

    private static final String NO_MAIN =
            "error: no class has a main method: public static void main(String[] args)";

    private static final String OUT_OF_RESOURCES_TEXT =
            "\n\nThe system is out of resources.\nConsult the following stack trace for details.\n";

    private static final String MAIN_CLASS = "--main-class=";

    /** No annotation processors: they would be programs of the client that run during the compilation. */
    static final List<String> OPTIONS = List.of("-proc:none");

    /** The pre-warmed javac, or null; see {@link CompileSamples}. */
    static ReusableCompiler reusableCompiler;

    public static void main(String[] arguments) throws IOException {
        List<String> words = List.of(arguments);
        int count = (int) words.stream().takeWhile(word -> word.startsWith("-")).count();
        if (words.size() < count + 2) {
            System.err.println("usage: java Compile [OPTION...] OUTPUT_DIRECTORY MAIN_SOURCE [SOURCE...]");
            System.exit(2);
        }
        List<String> options = options(words.subList(0, count));
        Optional<String> mainClass = mainClass(words.subList(0, count));
        Path output = Path.of(words.get(count));
        List<String> sources = words.subList(count + 1, words.size());
        StringWriter messages = new StringWriter();
        int code = OK;
        if (count > 0 || !compileWithReusableCompiler(output, sources, messages)) {
            messages = new StringWriter();
            code = compile(output, sources, messages, options, mainClass);
        }
        System.err.print(messages);
        // There are no shutdown hooks to run and no threads to wait for.
        Runtime.getRuntime().halt(code);
    }

    private static boolean compileWithReusableCompiler(Path output, List<String> sources, StringWriter messages)
            throws IOException {
        if (reusableCompiler == null) {
            return false;
        }
        Optional<String> mainClass = reusableCompiler.compile(output, sources, messages);
        if (mainClass.isPresent()) {
            writeMainClass(output, mainClass.get());
        }
        return mainClass.isPresent();
    }

    /** Returns the options of javac. Preview features belong to a release, which javac wants to be named. */
    private static List<String> options(List<String> requested) {
        List<String> options = new ArrayList<>(OPTIONS);
        for (String word : requested) {
            if (!word.startsWith(MAIN_CLASS)) {
                options.add(word);
            }
        }
        if (requested.contains("--enable-preview") && requested.stream().noneMatch(word -> word.startsWith("--release="))) {
            options.add("--release=" + Runtime.version().feature());
        }
        return options;
    }

    /** Returns the class that the options name. The last of them counts. */
    private static Optional<String> mainClass(List<String> requested) {
        Optional<String> mainClass = Optional.empty();
        for (String word : requested) {
            if (word.startsWith(MAIN_CLASS)) {
                mainClass = Optional.of(word.substring(MAIN_CLASS.length()));
            }
        }
        return mainClass;
    }

    /** Compiles the sources without more options. */
    static int compile(Path output, List<String> sources, StringWriter messages) throws IOException {
        return compile(output, sources, messages, OPTIONS, Optional.empty());
    }

    /** Compiles the sources, the main file first, and returns the exit code. */
    private static int compile(
            Path output,
            List<String> sources,
            StringWriter messages,
            List<String> options,
            Optional<String> requestedMainClass)
            throws IOException {
        PrintWriter printer = new PrintWriter(messages, true);
        UndecodableText undecodable = new UndecodableText(printer);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        try (StandardJavaFileManager files =
                compiler.getStandardFileManager(undecodable, null, StandardCharsets.UTF_8)) {
            setLocations(files, output);
            // Without a diagnostic listener, javac formats and counts diagnostics itself.
            JavacTask task = (JavacTask) compiler.getTask(printer, files, null, options, null, units(files, sources));
            MainClasses mainClasses = MainClasses.of(task, sources);
            boolean compiled = task.call();
            if (!compiled) {
                return failureExitCode(messages.getBuffer());
            }
            if (undecodable.errors > 0) {
                printer.println(undecodable.errors + (undecodable.errors == 1 ? " error" : " errors"));
                return ERROR;
            }
            Optional<String> mainClass = requestedMainClass.isPresent() ? requestedMainClass : mainClasses.choice();
            if (mainClass.isEmpty()) {
                printer.println(NO_MAIN);
                return ERROR;
            }
            writeMainClass(output, mainClass.get());
            return OK;
        } catch (IllegalArgumentException error) {
            // Two options contradict each other, or this javac does not know the release.
            printer.println(error.getMessage());
            return WRONG_OPTIONS;
        }
    }

    /** Sets the locations of classes and sources. */
    static void setLocations(StandardJavaFileManager files, Path output) throws IOException {
        files.setLocationFromPaths(StandardLocation.CLASS_OUTPUT, List.of(output));
        files.setLocationFromPaths(StandardLocation.CLASS_PATH, classPath());
        // javac would search the class path for plugins too, and run them.
        files.setLocationFromPaths(StandardLocation.ANNOTATION_PROCESSOR_PATH, List.of());
        // All sources are named. If javac also searched for them, it could read one a second time as another file.
        files.setLocationFromPaths(StandardLocation.SOURCE_PATH, List.of());
    }

    /** Returns the directory of the sources, and the libraries that the administrator added. */
    private static List<Path> classPath() {
        List<Path> path = new ArrayList<>(List.of(Path.of(".")));
        for (String library : libraries().split(File.pathSeparator)) {
            if (!library.isEmpty()) {
                path.add(Path.of(library));
            }
        }
        return path;
    }

    static boolean hasNoLibraries() {
        return libraries().isEmpty();
    }

    /** Returns the libraries that the administrator added, as in a class path. */
    private static String libraries() {
        return System.getProperty("executor.libraries", "");
    }

    /** Returns the sources as file objects. */
    static List<JavaFileObject> units(StandardJavaFileManager files, List<String> sources) {
        List<JavaFileObject> units = new ArrayList<>();
        for (JavaFileObject file : files.getJavaFileObjectsFromStrings(sources)) {
            // The program runs from the class path, where module declarations have no effect.
            if (!file.isNameCompatible("module-info", JavaFileObject.Kind.SOURCE)) {
                units.add(new Source(file));
            }
        }
        return units;
    }

    private static void writeMainClass(Path output, String mainClass) throws IOException {
        Files.writeString(output.resolve(".main"), mainClass + "\n");
    }

    /**
     * Distinguishes a program with errors from one that exceeds the resources of javac, such as an expression nested
     * 10,000 levels deep. As a library, javac reports the latter as a bug in javac; as a command it does not.
     */
    private static int failureExitCode(StringBuffer messages) {
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

    /** Counts errors for text that is not UTF-8, which javac as a library prints but does not count. */
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

    /** A source file of any name that may contain a public class of any name. */
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
            // javac also calls this to recognize module-info and package-info, which are not valid class names.
            boolean isClassName = simpleName.indexOf('-') < 0;
            return isClassName && kind == Kind.SOURCE || super.isNameCompatible(simpleName, kind);
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

        /** Returns an object that collects the classes that this task finds. The main source is the first one. */
        static MainClasses of(JavacTask task, List<String> sources) {
            MainClasses found = new MainClasses(task, sources.get(0));
            task.addTaskListener(found);
            return found;
        }

        /** Returns the first main class of the main file, else the first one of any file. */
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
