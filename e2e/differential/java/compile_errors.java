import java.util.List;

public class Main extends Missing {
    public static void main(String[] args) {
        int number = "text";
        List<int> list;
        undefined(number);
        final int once = 1;
        once = 2;
        return 1;
    }

    int without() {
    }
}
