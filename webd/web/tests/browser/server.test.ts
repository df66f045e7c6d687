/** The server: busy, restarted, and behind restrictive proxies; and the size of the page. */
import { once } from "node:events";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { verdictText, shownOutput, ready, run, testEnvironment, setCode } from "./environment";

const env = testEnvironment({ slots: 1, queue: 1 });

/** Starts an execution of another client. */
function occupy(seconds: number): { stop: () => void; started: Promise<unknown> } {
  const abort = new AbortController();
  const response = fetch(`${env.daemons.origin}/api/execute`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ language: "bash", code: `sleep ${seconds}` }),
    signal: abort.signal,
  });
  const started = response.then(({ body }) => body?.getReader().read());
  return {
    stop: () => {
      abort.abort();
    },
    started,
  };
}

test("the position in the queue is shown until the program starts", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('at last')\n");
  const other = occupy(30);
  await other.started;
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText(/Next in the queue|Queued, 1 ahead/).waitFor();
  other.stop();
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("at last");
});

test("a run that a busy server rejected is retried", async () => {
  const page = await env.openPage("/?lang=python");
  await setCode(page, "print('at last')\n");
  const others = [occupy(30), occupy(30)];
  await Promise.all(others.map(({ started }) => started));
  expect(await run(page)).toContain("The server is busy");
  expect(await page.locator(".again").innerText()).toMatch(/Retrying in \d+ s/);
  for (const { stop } of others) stop();
  await page.locator(".summary", { hasText: "Finished" }).waitFor();
  expect(await shownOutput(page)).toBe("at last");
});

test("a retry can be cancelled", async () => {
  const page = await env.openPage("/?lang=python");
  const others = [occupy(30), occupy(30)];
  await Promise.all(others.map(({ started }) => started));
  await run(page);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Run again" }).waitFor();
  for (const { stop } of others) stop();
});

/** Opens the page, and waits until it has loaded everything: what it cannot load any more is an error of its own. */
async function openLoadedPage(): Promise<Page> {
  const page = await env.openPage("/?lang=python");
  await page.waitForLoadState("networkidle");
  return page;
}

test("the page notices that the server is down, and reconnects", async () => {
  const page = await openLoadedPage();
  await setCode(page, "print('still here')\n");
  await env.daemons.stopWebd();
  expect(await run(page)).toContain("The server is not responding");
  await page.getByText(/Your program is saved in this browser/).waitFor();
  await env.daemons.startWebd();
  await page.getByText("Reconnected to the server.").first().waitFor();
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("still here");
});

test("the page immediately notices that the server goes down during a run", async () => {
  const page = await openLoadedPage();
  await setCode(page, "import time\nprint('on', flush=True)\ntime.sleep(60)\n");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("on", { exact: true }).waitFor();
  await env.daemons.killWebd();
  expect(await verdictText(page)).toContain("Connection to the server lost");
  await env.daemons.startWebd();
  await page.getByText("Reconnected to the server.").first().waitFor();
});

test("a page that is opened while the server is down waits for it", async () => {
  const page = await env.openBlankPage();
  await page.route("**/api/languages", (route) => route.abort(), { times: 1 });
  await page.goto(env.daemons.origin);
  await page
    .getByText(/The server is not responding/)
    .first()
    .waitFor();
  await ready(page);
  expect(await run(page)).toContain("Finished");
});

test("output is streamed through a proxy that blocks WebSockets", async () => {
  const page = await env.openBlankPage();
  await page.routeWebSocket("**/api/session", (socket) => socket.close());
  await page.goto(`${env.daemons.origin}/?lang=python`);
  await ready(page);
  await setCode(page, "import time\nprint('first', flush=True)\ntime.sleep(2)\nprint('last')\n");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("first", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "Stop" }).isVisible()).toBe(true);
  await verdictText(page);
  expect(await shownOutput(page)).toBe("first\nlast");
});

test("programs run through a proxy that also blocks streams", async () => {
  const page = await env.openBlankPage();
  await page.routeWebSocket("**/api/session", (socket) => socket.close());
  await page.route("**/api/execute", (route) =>
    route.request().headers()["accept"]?.includes("ndjson") ? route.abort() : route.continue(),
  );
  await page.goto(`${env.daemons.origin}/?lang=cpp`);
  await ready(page);
  await setCode(page, "#include <iostream>\nint main() { std::cout << 42; std::cerr << 'e'; }\n");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("42e");
  expect(await page.locator(".phases").innerText()).toMatch(/Compiled.*Ran/s);
});

/** Limit for the compressed bytes that are loaded for the first run, including Monaco. */
const MAX_LOADED = 750_000;

test("the page is small, and usable before Monaco is loaded", async () => {
  const page = await env.openBlankPage();
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  let loaded = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (loaded += encodedDataLength));
  const release = new AbortController();
  await page.route("**/monaco-*.js", async (route) => {
    await once(release.signal, "abort");
    await route.continue();
  });
  await page.goto(env.daemons.origin);
  await page.locator(".plain-editor").waitFor();
  await expect.poll(() => page.locator(".plain-editor").inputValue()).not.toBe("");
  // The plain editor is fully usable.
  await setCode(page, "print('quick')\n");
  expect(await run(page)).toContain("Finished");
  expect(await shownOutput(page)).toBe("quick");
  release.abort();
  await page.locator(".monaco-editor .view-line").first().waitFor();
  await page.waitForLoadState("networkidle");
  expect(await page.locator(".view-lines").innerText()).toContain("quick");
  process.stdout.write(`loaded for the first run: ${(loaded / 1000).toFixed(0)} kB\n`);
  expect(loaded).toBeLessThan(MAX_LOADED);
});
