public class Main {
    static int primesBelow(int limit) {
        var sieve = new boolean[limit];
        int count = 0;
        for (long number = 2; number < limit; number++) {
            if (sieve[(int) number]) continue;
            count++;
            for (long multiple = number * number; multiple < limit; multiple += number) {
                sieve[(int) multiple] = true;
            }
        }
        return count;
    }

    public static void main(String[] args) {
        System.out.println(primesBelow(36_000_000));
    }
}
