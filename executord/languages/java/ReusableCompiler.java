import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import com.sun.tools.javac.api.JavacTaskPool;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticListener;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * A javac that remembers the JDK classes that it has read for earlier compilations, as the one in jshell does.
 *
 * <p>It compiles only programs without errors and warnings; notes are allowed. At the first error or warning it gives up,
 * and a new javac compiles the program from the beginning, so that all messages are those of an ordinary javac.
 *
 * <p>It sees no module of the JDK other than {@code java.base}, because it takes javac a tenth of a small compilation to read
 * the others. A program that needs one of them has an error here. A program without errors is compiled to the same classes,
 * unless its package is one of another module, which an ordinary javac reports, or a library contains such a package.
 */
final class ReusableCompiler {
    private static final List<String> OPTIONS = options();

    private final JavacTaskPool pool = new JavacTaskPool(1);
    private final StandardJavaFileManager files = ToolProvider.getSystemJavaCompiler()
            .getStandardFileManager(diagnostic -> { throw new GiveUpException(); }, null, StandardCharsets.UTF_8);

    /**
     * Compiles the sources, the main file first, and returns the name of the class to run. Returns an empty value if it
     * gave up; the notes are then incomplete.
     */
    Optional<String> compile(Path output, List<String> sources, StringWriter notes) throws IOException {
        // The compiler has cached that the working directory contains no classes.
        if (hasClasses(Path.of("."))) {
            return Optional.empty();
        }
        PrintWriter printer = new PrintWriter(notes, true);
        DiagnosticListener<JavaFileObject> listener = diagnostic -> {
            if (diagnostic.getKind() != Diagnostic.Kind.NOTE) {
                throw new GiveUpException();
            }
            printer.println(diagnostic);
        };
        try {
            Compile.setLocations(files, output);
            return pool.getTask(printer, files, listener, OPTIONS, null, Compile.units(files, sources), task -> {
                task.addTaskListener(new PackageCheck());
                Compile.MainClasses mainClasses = Compile.MainClasses.of(task, sources);
                return task.call() ? mainClasses.choice() : Optional.empty();
            });
        } catch (RuntimeException | Error diagnosticOrCrash) {
            return Optional.empty();
        }
    }

    private static List<String> options() {
        List<String> options = new ArrayList<>(Compile.OPTIONS);
        if (Compile.hasNoLibraries()) {
            options.add("--limit-modules=java.base");
        }
        return options;
    }

    private static boolean hasClasses(Path directory) throws IOException {
        boolean[] found = {false};
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                found[0] = file.toString().endsWith(".class");
                return found[0] ? FileVisitResult.TERMINATE : FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException exception) {
                return FileVisitResult.CONTINUE;
            }
        });
        return found[0];
    }

    /** Gives up if a source is in a package of the JDK. */
    private static final class PackageCheck implements TaskListener {
        @Override
        public void finished(TaskEvent event) {
            if (event.getKind() != TaskEvent.Kind.PARSE || event.getCompilationUnit().getPackageName() == null) {
                return;
            }
            String name = event.getCompilationUnit().getPackageName().toString();
            if (ModuleFinder.ofSystem().findAll().stream().anyMatch(module -> module.descriptor().packages().contains(name))) {
                throw new GiveUpException();
            }
        }
    }

    /** Thrown at the first error or warning. */
    private static final class GiveUpException extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
