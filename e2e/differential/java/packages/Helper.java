class Helper {
    static int twice(int number) {
        return number * 2;
    }
}
