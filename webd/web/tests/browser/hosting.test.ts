/** The page on a static host with an API on another server, and embedded in another site. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
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
    env: { ...process.env, EXECUTOR_API: env.daemons.origin, NODE_ENV: "production" },
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
