import java.util.List;

public class Main {
    public static void main(String[] arguments) {
        List<Animal> animals = List.of(new Dog("Rex"), () -> "Moo.");
        for (var animal : animals) {
            System.out.println(animal.says());
        }
    }
}
