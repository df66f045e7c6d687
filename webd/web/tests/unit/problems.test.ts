import { expect, test } from "vitest";
import { findProblems, locate } from "../../src/execution/problems";

function check(mode: string, files: string[], output: string, expected: string[]) {
  const found = findProblems(output, mode, files).map(
    ({ file, line, column, severity, message }) =>
      `${file}:${line}:${column} ${severity} ${message}`,
  );
  expect(found).toEqual(expected);
}

test("messages of compilers and interpreters are recognized", () => {
  check(
    "cpp",
    ["main.cpp"],
    `main.cpp: In function ‘int main()’:
main.cpp:3:11: error: ‘y’ was not declared in this scope
    3 |   int x = y;
      |           ^
main.cpp:4:17: warning: unused variable ‘z’ [-Wunused-variable]`,
    [
      "main.cpp:3:11 error ‘y’ was not declared in this scope",
      "main.cpp:4:17 warning unused variable ‘z’ [-Wunused-variable]",
    ],
  );
  check("c", ["main.c"], "main.c:1:10: fatal error: x.h: No such file or directory", [
    "main.c:1:10 error x.h: No such file or directory",
  ]);
  check(
    "java",
    ["Main.java"],
    `Main.java:3: error: incompatible types: String cannot be converted to int
    int x = "s";
            ^
1 error`,
    ["Main.java:3:1 error incompatible types: String cannot be converted to int"],
  );
  check(
    "java",
    ["Main.java", "Box.java"],
    `Exception in thread "main" java.lang.ArrayIndexOutOfBoundsException: Index 2 out of bounds for length 1
\tat java.base/java.util.Arrays.copy(Arrays.java:99)
\tat Box.put(Box.java:2)
\tat Main.main(Main.java:4)`,
    [
      "Box.java:2:1 error java.lang.ArrayIndexOutOfBoundsException: Index 2 out of bounds for length 1",
    ],
  );
  check(
    "python",
    ["main.py", "helper.py"],
    `Traceback (most recent call last):
  File "/box/main.py", line 4, in <module>
    f()
  File "/box/helper.py", line 2, in g
    return 1/0
           ~^~
ZeroDivisionError: division by zero`,
    ["helper.py:2:1 error ZeroDivisionError: division by zero"],
  );
  check(
    "python",
    ["main.py"],
    `  File "/box/main.py", line 1
    print('a'
         ^
SyntaxError: '(' was never closed`,
    ["main.py:1:1 error SyntaxError: '(' was never closed"],
  );
  check(
    "javascript",
    ["main.js"],
    `/box/main.js:1
function f() { null.x; }
                    ^

TypeError: Cannot read properties of null (reading 'x')
    at f (/box/main.js:1:21)
    at Object.<anonymous> (/box/main.js:2:1)
    at Module._compile (node:internal/modules/cjs/loader:1521:14)`,
    ["main.js:1:21 error TypeError: Cannot read properties of null (reading 'x')"],
  );
  check(
    "javascript",
    ["main.mjs"],
    `file:///box/main.mjs:7
let x = ;
        ^

SyntaxError: Unexpected token ';'
    at compileSourceTextModule (node:internal/modules/esm/utils:344:16)`,
    ["main.mjs:7:1 error SyntaxError: Unexpected token ';'"],
  );
  check(
    "typescript",
    ["main.ts"],
    "main.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.",
    ["main.ts:1:7 error TS2322: Type 'string' is not assignable to type 'number'."],
  );
  check("go", ["main.go"], "./main.go:5:2: undefined: x", ["main.go:5:2 error undefined: x"]);
  check(
    "go",
    ["main.go"],
    `panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
\t/box/main.go:6 +0x1d`,
    ["main.go:6:1 error panic: runtime error: index out of range [5] with length 3"],
  );
  check(
    "rust",
    ["main.rs"],
    `error[E0382]: borrow of moved value: \`s\`
 --> main.rs:4:20
  |`,
    ["main.rs:4:20 error borrow of moved value: `s`"],
  );
  check(
    "rust",
    ["main.rs"],
    `thread 'main' panicked at main.rs:2:5:
oh no
note: run with \`RUST_BACKTRACE=1\` environment variable to display a backtrace`,
    ["main.rs:2:5 error oh no"],
  );
  check("shell", ["main.sh"], "hi\nmain.sh: line 2: foo_bar: command not found", [
    "main.sh:2:1 error foo_bar: command not found",
  ]);
  check("perl", ["main.pl"], "oh at main.pl line 3.", ["main.pl:3:1 error oh"]);
  check("php", ["main.php"], "PHP Fatal error:  Uncaught Error: x in /box/main.php:3", [
    "main.php:3:1 error Fatal error:  Uncaught Error: x",
  ]);
  check("ruby", ["main.rb"], "main.rb:2:in 'f': oh (RuntimeError)", [
    "main.rb:2:1 error oh (RuntimeError)",
  ]);
  check("lua", ["main.lua"], "lua5.4: main.lua:3: attempt to index a nil value", [
    "main.lua:3:1 error attempt to index a nil value",
  ]);
  check("zig", ["main.zig"], "main.zig:3:5: error: expected ';'", [
    "main.zig:3:5 error expected ';'",
  ]);
});

test("locations in other files are ignored", () => {
  check("cpp", ["main.cpp"], "/usr/include/c++/12/bits/stl.h:9:3: error: no match", []);
  expect(locate("/usr/include/stdio.h:3:1: error: x", "c", ["main.c"])).toBeNull();
});

test("a location in a line of output has a start and an end", () => {
  const locationText = (mode: string, file: string, text: string) => {
    const found = locate(text, mode, [file]);
    return found && text.slice(found.start, found.end);
  };
  expect(locationText("cpp", "main.cpp", "main.cpp:3:11: error: no")).toBe("main.cpp:3:11");
  expect(locationText("java", "Main.java", "\tat Main.f(Main.java:2)")).toBe("Main.java:2");
  expect(locationText("python", "main.py", '  File "/box/main.py", line 4, in f')).toBe(
    '/box/main.py", line 4',
  );
  expect(locationText("typescript", "main.ts", "main.ts(1,7): error TS2322: no")).toBe(
    "main.ts(1,7)",
  );
  expect(locationText("shell", "main.sh", "main.sh: line 2: x: not found")).toBe("main.sh: line 2");
  expect(locationText("cpp", "main.cpp", "nothing here")).toBeNull();
});

test("long hostile lines are searched in bounded time", () => {
  const began = performance.now();
  for (const line of ["a".repeat(1_000_000), " at ".repeat(250_000), ":1:1:".repeat(200_000)]) {
    for (const mode of ["cpp", "java", "python", "javascript", "perl", "php", "other"]) {
      findProblems(line, mode, ["main.cpp"]);
      locate(line.slice(0, 4000), mode, ["main.cpp"]);
    }
  }
  expect(performance.now() - began).toBeLessThan(3000);
});
