/** Files: what a program leaves behind, and what the user uploads. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { unzipSync } from "fflate";
import { expect, test } from "vitest";
import { screenshot } from "./browser";
import { run, setCode, shownOutput, testEnvironment } from "./environment";

const env = testEnvironment({ slots: 4, queue: 8 });

/** Writes one file of each kind that the page shows. */
const WRITER = `import base64, os
os.mkdir("plots")
pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
open("plots/pixel.png", "wb").write(base64.b64decode(pixel))
open("circle.svg", "w").write('<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60"><script>document.title = "owned"</script><circle cx="30" cy="30" r="25" fill="teal"/></svg>')
open("people.csv", "w").write('name,age\\n"Lovelace, Ada",36\\nZoë,7\\n')
open("report.html", "w").write('<h1 style="color: teal">Report</h1><script>parent.document.title = "owned"</script><img src="ELSEWHERE/x.png">')
open("notes.txt", "w").write("just text\\n")
open("raw.bin", "wb").write(bytes(range(256)))
print("done")
`;

test("output files appear below the output", async () => {
  const requests: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    requests.push(request.url);
    response.end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
  const { port } = elsewhere.address() as AddressInfo;
  const page = await env.openPage("/?lang=python");
  await setCode(page, WRITER.replace("ELSEWHERE", `http://127.0.0.1:${port}`));
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("done");
  const files = page.getByRole("region", { name: "Output files" });
  expect((await files.locator("figcaption strong").allInnerTexts()).sort()).toEqual([
    "circle.svg",
    "notes.txt",
    "people.csv",
    "plots/pixel.png",
    "raw.bin",
    "report.html",
  ]);
  for (const [name, width] of [
    ["plots/pixel.png", 1],
    ["circle.svg", 60],
  ] as const) {
    const image = files.getByRole("img", { name });
    await expect
      .poll(() => image.evaluate((shown: HTMLImageElement) => shown.naturalWidth))
      .toBe(width);
  }
  expect(await files.locator("table.data").innerText()).toMatch(
    /name\s+age\s+Lovelace, Ada\s+36\s+Zoë\s+7/,
  );
  expect((await files.locator("pre").innerText()).trim()).toBe("just text");
  // The frame has no origin, runs no scripts, and loads nothing.
  const frame = files.locator("iframe");
  expect(await frame.getAttribute("sandbox")).toBe("");
  await files.frameLocator("iframe").getByRole("heading", { name: "Report" }).waitFor();
  expect(await page.title()).toBe("Executor");
  expect(requests).toEqual([]);
  elsewhere.close();
  await files.locator("img").first().scrollIntoViewIfNeeded();
  await screenshot(page, "files");

  const download = page.waitForEvent("download");
  await files.getByRole("button", { name: "Download raw.bin" }).click();
  expect(readFileSync(await (await download).path())).toEqual(Buffer.from([...Array(256).keys()]));
  const archive = page.waitForEvent("download");
  await files.getByRole("button", { name: "Download all as .zip" }).click();
  const saved = await archive;
  expect(saved.suggestedFilename()).toBe("program.zip");
  const entries = unzipSync(new Uint8Array(readFileSync(await saved.path())));
  expect(Object.keys(entries).sort()).toEqual([
    "circle.svg",
    "main.py",
    "notes.txt",
    "output.txt",
    "people.csv",
    "plots/pixel.png",
    "raw.bin",
    "report.html",
  ]);
  // The next run begins without files.
  await setCode(page, "print('none')\n");
  await run(page);
  expect(await files.count()).toBe(0);
});

test("uploaded files are files of the program", async () => {
  const page = await env.openPage("/?lang=python");
  await page.getByLabel("Files to upload").setInputFiles([
    { name: "numbers.csv", mimeType: "text/csv", buffer: Buffer.from("1\n2\n3\n") },
    { name: "data.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0, 255, 7]) },
  ]);
  await expect
    .poll(() => page.locator(".source .tab-name").allInnerTexts())
    .toEqual(["main.py", "numbers.csv", "data.bin"]);
  await page.getByRole("button", { name: "data.bin", exact: true }).click();
  await page.getByText("data.bin is not text (3 B)").waitFor();
  await page.getByRole("button", { name: "main.py", exact: true }).click();
  await setCode(
    page,
    "print(sum(map(int, open('numbers.csv'))), list(open('data.bin', 'rb').read()))\n",
  );
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("6 [0, 255, 7]");
  // Neither is an output file: the program did not change them.
  expect(await page.getByRole("region", { name: "Output files" }).count()).toBe(0);
  const large = {
    name: "large.bin",
    mimeType: "application/octet-stream",
    buffer: Buffer.alloc(5 << 20),
  };
  await page.getByLabel("Files to upload").setInputFiles([large]);
  await page.locator(".notice", { hasText: "large.bin is too large" }).waitFor();
});
