public class Main {
    public static void main(String[] args) throws Exception {
        long sum = 0;
        int[] sieve = new int[200000];
        for (int i = 2; i < sieve.length; i++) {
            if (sieve[i] == 0) {
                sum += i;
                for (int j = i; j < sieve.length; j += i) {
                    sieve[j] = 1;
                }
            }
        }
        System.out.println(sum + " " + new java.math.BigInteger("2").pow(500) + " " + Math.sin(1) + " " + 0.1f * 3 + " " + 1.0 / 3);
    }
}
