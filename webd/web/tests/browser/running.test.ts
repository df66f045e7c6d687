import { expect, test } from "vitest";
import { choose, printed, run, world, write } from "./world";

const here = world({ slots: 4, queue: 8 });

const PROGRAMS: Record<string, string> = {
  python: "print(6 * 7)",
  javascript: "console.log(6 * 7)",
  cpp: "#include <iostream>\nint main() { std::cout << 6 * 7 << '\\n'; }",
  java: "public class Main {\n  public static void main(String[] args) {\n    System.out.println(6 * 7);\n  }\n}",
};

for (const [language, code] of Object.entries(PROGRAMS)) {
  test(`a program in ${language} runs`, async () => {
    const tab = await here.visit();
    await choose(tab, language);
    await write(tab, code);
    expect(await run(tab)).toContain("Finished");
    expect(await printed(tab)).toBe("42");
    expect(await tab.locator(".figures").innerText()).toMatch(/Clock.*Processor.*Memory/s);
  });
}
