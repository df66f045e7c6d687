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
 * A javac that has compiled before and still knows what it has read of the JDK's classes, as that of jshell does.
 *
 * <p>Only programs of which there is nothing to say, or a note, are compiled with it. At the first error or warning it gives
 * up, and the program is compiled anew by a javac that knows nothing: so what is said is said by that.
 */
final class Prepared {
    private final JavacTaskPool pool = new JavacTaskPool(1);
    private final StandardJavaFileManager files = ToolProvider.getSystemJavaCompiler()
            .getStandardFileManager(diagnostic -> { throw new GivingUp(); }, null, StandardCharsets.UTF_8);

    /**
     * Compiles the sources, the main one first, and returns the name of the class to run; empty if it gave up, whatever it
     * may have noted.
     */
    Optional<String> compile(Path output, List<String> sources, StringWriter notes) throws IOException {
        // What was in the working directory before is not looked for again.
        if (hasClasses(Path.of("."))) {
            return Optional.empty();
        }
        PrintWriter printer = new PrintWriter(notes, true);
        DiagnosticListener<JavaFileObject> listener = diagnostic -> {
            if (diagnostic.getKind() != Diagnostic.Kind.NOTE) {
                throw new GivingUp();
            }
            printer.println(diagnostic);
        };
        try {
            Compile.locate(files, output);
            return pool.getTask(printer, files, listener, Compile.OPTIONS, null, Compile.units(files, sources), task -> {
                Compile.MainClasses mainClasses = Compile.MainClasses.of(task, sources);
                return task.call() ? mainClasses.choice() : Optional.empty();
            });
        } catch (RuntimeException | Error wordsOrCrash) {
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

    /** There is something to be said. */
    private static final class GivingUp extends RuntimeException {
        private static final long serialVersionUID = 1;
    }
}
