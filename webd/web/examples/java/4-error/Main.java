import java.util.Map;

public class Main {
    static final Map<String, Integer> PRICES = Map.of("tea", 3, "cake", 5);

    static int price(String order) {
        return PRICES.get(order);
    }

    public static void main(String[] arguments) {
        for (var order : new String[] {"tea", "cake", "coffee"}) {
            System.out.println(order + ": " + price(order));
        }
    }
}
