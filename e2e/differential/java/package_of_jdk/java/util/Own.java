package java.util;

public class Own {}
