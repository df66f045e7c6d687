record Dog(String name) implements Animal {
    public String says() {
        return name + " says: woof.";
    }
}
