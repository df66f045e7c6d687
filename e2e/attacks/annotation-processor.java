// tries: to make javac run its own annotation processor during compilation
// threat: a/compiling
// stopped-by: -proc:none; whatever ran would be in the sandbox
// status: ok
// stdout-has: BLOCKED
// filename: Main.java
public class Main {
    public static void main(String[] args) {
        boolean ran = new java.io.File("/build/processed").exists();
        System.out.println(ran ? "ESCAPED: a processor ran" : "BLOCKED: end");
    }
}
// === META-INF/services/javax.annotation.processing.Processor
Evil
// === Evil.java
import java.util.Set;
import javax.annotation.processing.*;
import javax.lang.model.SourceVersion;
import javax.lang.model.element.TypeElement;

@SupportedAnnotationTypes("*")
public class Evil extends AbstractProcessor {
    static {
        try {
            new java.io.File("/build/processed").createNewFile();
        } catch (java.io.IOException error) {
            throw new RuntimeException(error);
        }
    }

    @Override
    public SourceVersion getSupportedSourceVersion() { return SourceVersion.latest(); }

    @Override
    public boolean process(Set<? extends TypeElement> types, RoundEnvironment round) { return false; }
}
