/** The page on a host that only has files, before an API on another; and within a page of somebody else. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { printed, ready, run, world, write } from "./world";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

let files = "";
/** A host of files that sends no headers of its own, and another that shows our page within its own. */
const host = createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://host").pathname;
  if (path === "/blog") {
    response.setHeader("content-type", "text/html");
    response.end(
      `<iframe src="${here.daemons.origin}/?embed=1" width="900" height="600"></iframe>`,
    );
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
const here = world({
  slots: 2,
  queue: 4,
  webd: `allowed_origins = ["${origin}"]\nembed_origins = ["${origin}"]`,
});

beforeAll(() => {
  files = mkdtempSync(join(tmpdir(), "executor-static-"));
  execFileSync("npx", ["vite", "build", "--outDir", files, "--logLevel", "error"], {
    cwd: resolve(import.meta.dirname, "../.."),
    env: { ...process.env, EXECUTOR_API: here.daemons.origin, NODE_ENV: "production" },
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

test("a static host serves the page, and another server runs its programs", async () => {
  const tab = await here.blank();
  await tab.goto(`${origin}/?lang=python`);
  await ready(tab);
  await write(tab, "print('far away')\n");
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("far away");
  // The policy is in the page itself, where a host sends none.
  const policy = await tab
    .locator("meta[http-equiv=Content-Security-Policy]")
    .getAttribute("content");
  expect(policy).toContain(`connect-src 'self' ${here.daemons.origin}`);
});

test("a site that is named may show the page, and others may not", async () => {
  const tab = await here.blank();
  await tab.goto(`${origin}/blog`);
  const frame = tab.frameLocator("iframe");
  await frame.locator(".run:not([disabled])").click();
  await frame.locator(".summary", { hasText: "Finished" }).waitFor();

  const other = await here.blank();
  const refused = new Promise<string>((done) => {
    other.on(
      "console",
      (message) => message.text().includes("frame-ancestors") && done(message.text()),
    );
  });
  await other.goto(`${origin.replace("127.0.0.1", "localhost")}/blog`);
  expect(await refused).toContain("violates");
});
