/** The page on a static host with an API on another server, and embedded in another site. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { screenshot } from "./browser";
import { misfits } from "./fit";
import { shownOutput, ready, run, testEnvironment, setCode } from "./environment";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

let files = "";
/** Static host without additional headers. Its page /blog embeds the page under test. */
const host = createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://host").pathname;
  if (path === "/snippets") {
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><body style="width: 480px"><p>Text</p>
      <pre class="executor" data-language="python" data-height="320">print(&quot;in a snippet &lt;&amp;&gt;&quot;)\nprint(input())</pre>
      <script src="${env.daemons.origin}/embed.js"></script>
      <script>
        messages = [];
        addEventListener("message", ({ data, origin }) => messages.push({ ...data, origin }));
      </script>`);
    return;
  }
  if (path === "/article") {
    response.setHeader("content-type", "text/html");
    const snippet = (attributes: string, code: string) =>
      `<pre class="executor" ${attributes}>${code}</pre>`;
    response.end(`<!doctype html><html lang="en"><meta name="viewport" content="width=device-width, initial-scale=1">
      <body style="max-width: 42rem; margin: 2rem auto; padding: 0 1rem; font: 17px/1.6 Georgia, serif">
      <h1>Loops</h1><p>A loop in Python:</p>
      ${snippet('data-language="python"', "for number in range(3):\n    print(number)")}
      <p>And in C++:</p>
      ${snippet(
        'data-language="cpp"',
        '#include &lt;iostream&gt;\n\nint main() {\n    for (int number = 0; number &lt; 3; number++)\n        std::cout &lt;&lt; number &lt;&lt; "\\n";\n}',
      )}
      <p>A program that asks:</p>
      ${snippet('data-language="bash"', 'read -p "How many? " count\nfor number in $(seq "$count"); do echo "$number"; done')}
      <p>The end.</p><script src="${env.daemons.origin}/embed.js"></script>`);
    return;
  }
  if (path === "/blog") {
    response.setHeader("content-type", "text/html");
    response.end(`<iframe src="${env.daemons.origin}/?embed=1" width="900" height="600"></iframe>`);
    return;
  }
  try {
    const body = readFileSync(join(files, path === "/" ? "index.html" : path));
    response.setHeader("content-type", TYPES[extname(path)] ?? "text/html");
    response.end(body);
  } catch {
    response.statusCode = 404;
    response.end();
  }
});

const origin = await new Promise<string>((listening) => {
  host.listen(0, "127.0.0.1", () => {
    listening(`http://127.0.0.1:${(host.address() as AddressInfo).port}`);
  });
});
const env = testEnvironment({
  slots: 2,
  queue: 4,
  webd: `allowed_origins = ["${origin}"]\nembed_origins = ["${origin}"]`,
});

beforeAll(() => {
  files = mkdtempSync(join(tmpdir(), "executor-static-"));
  execFileSync("npx", ["vite", "build", "--outDir", files, "--logLevel", "error"], {
    cwd: resolve(import.meta.dirname, "../.."),
    env: {
      ...process.env,
      EXECUTOR_API: env.daemons.origin,
      EXECUTOR_COMPRESSED: "no",
      NODE_ENV: "production",
    },
  });
});
afterAll(() => {
  close(host);
  rmSync(files, { recursive: true, force: true });
});

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

test("a static host serves the page, and another server runs the programs", async () => {
  const page = await env.openBlankPage();
  await page.goto(`${origin}/?lang=python`);
  await ready(page);
  await setCode(page, "print('far away')\n");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("far away");
  // The page contains the content security policy: a static host may not send it.
  const policy = await page
    .locator("meta[http-equiv=Content-Security-Policy]")
    .getAttribute("content");
  expect(policy).toContain(`connect-src 'self' ${env.daemons.origin}`);
});

test("only sites that the configuration allows can embed the page", async () => {
  const page = await env.openBlankPage();
  await page.goto(`${origin}/blog`);
  const frame = page.frameLocator("iframe");
  await frame.locator(".run:not([disabled])").click();
  await frame.locator(".summary", { hasText: "Finished" }).waitFor();

  const other = await env.openBlankPage();
  const refused = new Promise<string>((done) => {
    other.on(
      "console",
      (message) => message.text().includes("frame-ancestors") && done(message.text()),
    );
  });
  await other.goto(`${origin.replace("127.0.0.1", "localhost")}/blog`);
  expect(await refused).toContain("violates");
});

test("embed.js makes a snippet of code that can be run within 480 by 320 pixels", async () => {
  const page = await env.openBlankPage();
  await page.goto(`${origin}/snippets`);
  const frame = page.frameLocator("iframe");
  await frame.locator(".run:not([disabled])").waitFor();
  expect(await page.locator("pre.executor").isVisible()).toBe(false);
  const box = await page.locator("iframe").boundingBox();
  expect([box?.width, box?.height]).toEqual([480, 320]);
  await frame.locator(".run").click();
  await frame.locator(".log", { hasText: "in a snippet <&>" }).waitFor();
  // Code, output and input are visible at the same time, without scrolling.
  for (const part of [".editor", ".output", ".live-input input", ".bar .stop"]) {
    const shown = await frame.locator(part).boundingBox();
    expect(shown?.height, part).toBeGreaterThan(24);
    expect((shown?.y ?? 0) + (shown?.height ?? 0), part).toBeLessThanOrEqual(
      (box?.y ?? 0) + 320 + 1,
    );
  }
  await screenshot(page, "embedded-snippet");
  await frame.getByLabel("Input line").fill("typed");
  await frame.getByLabel("Input line").press("Enter");
  await frame.locator(".summary", { hasText: "Finished" }).waitFor();
});

test.each([390, 1400])(
  "an article of another site has several snippets, at %i px",
  async (width) => {
    const page = await env.openBlankPage({ viewport: { width, height: 1700 } });
    await page.goto(`${origin}/article`);
    expect(await page.locator("iframe").count()).toBe(3);
    const frames = [0, 1, 2].map((number) => page.locator("iframe").nth(number).contentFrame());
    for (const frame of frames) await frame.locator(".run:not([disabled])").click();
    for (const frame of frames.slice(0, 2)) {
      await frame.locator(".summary", { hasText: "Finished" }).waitFor();
      await expect.poll(() => frame.locator(".log").innerText()).toContain("0\n1\n2");
    }
    await frames[2]?.locator(".live-input.waiting").waitFor();
    for (const frame of page.frames().slice(1)) expect(await misfits(frame)).toEqual([]);
    await page.evaluate(() => scrollTo(0, 0));
    await screenshot(page, `embedded-article-${width}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  },
);

test("the page that embeds a program controls it by messages", async () => {
  const page = await env.openBlankPage();
  await page.goto(`${origin}/snippets`);
  await page.frameLocator("iframe").locator(".run:not([disabled])").waitFor();
  const messages = () =>
    page.evaluate(
      () => (globalThis as unknown as { messages: Record<string, unknown>[] }).messages,
    );
  const types = async () => (await messages()).map(({ type }) => type);
  await expect.poll(types).toContain("executor.ready");
  await page.evaluate(() => {
    const post = (message: object) => frames[0]?.postMessage(message, "*");
    post({ type: "executor.set", code: "print(6 * int(input()))", stdin: "7" });
    post({ type: "executor.run" });
  });
  await expect.poll(types).toContain("executor.finished");
  const all = await messages();
  expect(all.find(({ type }) => type === "executor.finished")).toMatchObject({
    status: "ok",
    exit_code: 0,
    output: "42\n",
    origin: env.daemons.origin,
  });
  expect(all.filter(({ type }) => type === "executor.changed").at(-1)).toMatchObject({
    files: [{ content: "print(6 * int(input()))" }],
  });
  // What another window sends is ignored.
  await page.evaluate(() => {
    const other = document.createElement("iframe");
    document.body.append(other);
    const script = other.contentDocument?.createElement("script");
    if (!script) return;
    script.textContent =
      'parent.frames[0].postMessage({ type: "executor.set", code: "evil" }, "*")';
    other.contentDocument?.body.append(script);
  });
  await page.evaluate(() => new Promise((done) => setTimeout(done, 300)));
  expect(JSON.stringify(await messages())).not.toContain("evil");
});
