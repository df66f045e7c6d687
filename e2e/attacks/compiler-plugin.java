// tries: to run in the compiler, as a plugin of javac that starts by itself
// threat: a/compiling
// stopped-by: the compiler searches no path for plugins
// stdout-has: BLOCKED
// filename: Main.java

class Main {
    public static void main(String[] arguments) {
        boolean planted = new java.io.File("/build/planted").exists();
        System.out.println(planted ? "ESCAPED: code of the client ran in the compiler" : "BLOCKED: no plugin ran");
    }
}
// === META-INF/services/com.sun.source.util.Plugin
Planted
// === Planted.class base64
yv66vgAAAD0AIAoAAgADBwAEDAAFAAYBABBqYXZhL2xhbmcvT2JqZWN0AQAGPGluaXQ+AQADKClWBwAIAQAMamF2YS9pby9GaWxlCAAKAQAOL2J1aWxkL3BsYW50ZWQKAAcADAwABQANAQAVKExqYXZhL2xhbmcvU3RyaW5nOylWCgAHAA8MABAAEQEADWNyZWF0ZU5ld0ZpbGUBAAMoKVoIABMBAAdQbGFudGVkBwATBwAWAQAaY29tL3N1bi9zb3VyY2UvdXRpbC9QbHVnaW4BAARDb2RlAQAKRXhjZXB0aW9ucwcAGgEAE2phdmEvbGFuZy9FeGNlcHRpb24BAAdnZXROYW1lAQAUKClMamF2YS9sYW5nL1N0cmluZzsBAAlhdXRvU3RhcnQBAARpbml0AQA1KExjb20vc3VuL3NvdXJjZS91dGlsL0phdmFjVGFzaztbTGphdmEvbGFuZy9TdHJpbmc7KVYAIQAUAAIAAQAVAAAABAABAAUABgACABcAAAAeAAMAAQAAABIqtwABuwAHWRIJtwALtgAOV7EAAAAAABgAAAAEAAEAGQABABsAHAABABcAAAAPAAEAAQAAAAMSErAAAAAAAAEAHQARAAEAFwAAAA4AAQABAAAAAgSsAAAAAACBAB4AHwABABcAAAANAAAAAwAAAAGxAAAAAAAA
