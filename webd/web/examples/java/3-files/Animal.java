interface Animal {
    String says();
}
