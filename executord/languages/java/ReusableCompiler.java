import com.sun.tools.javac.api.JavacTaskPool;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
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
 */
final class ReusableCompiler {
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
            return pool.getTask(printer, files, listener, Compile.OPTIONS, null, Compile.units(files, sources), task -> {
                Compile.MainClasses mainClasses = Compile.MainClasses.of(task, sources);
                return task.call() ? mainClasses.choice() : Optional.empty();
            });
        } catch (RuntimeException | Error diagnosticOrCrash) {
            return Optional.empty();
        }
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

    /** Thrown at the first error or warning. */
    private static final class GiveUpException extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
