/** The server: full, gone and back, behind proxies that forbid things; and what its page costs. */
import { once } from "node:events";
import { expect, test } from "vitest";
import { ended, printed, ready, run, world, write } from "./world";

const here = world({ slots: 1, queue: 1 });

/** An execution of somebody else, until it is ended. */
function occupy(seconds: number): { end: () => void; started: Promise<unknown> } {
  const hangUp = new AbortController();
  const answer = fetch(`${here.daemons.origin}/api/execute`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ language: "bash", code: `sleep ${seconds}` }),
    signal: hangUp.signal,
  });
  const started = answer.then((response) => response.body?.getReader().read());
  return {
    end: () => {
      hangUp.abort();
    },
    started,
  };
}

test("a place in the queue is shown until it is its turn", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print('at last')\n");
  const other = occupy(30);
  await other.started;
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByText(/Next in the queue|Queued, 1 before/).waitFor();
  other.end();
  expect(await ended(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("at last");
});

test("a full server is asked again when it said so", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print('at last')\n");
  const others = [occupy(30), occupy(30)];
  await Promise.all(others.map(({ started }) => started));
  expect(await run(tab)).toContain("The server is full");
  expect(await tab.locator(".again").innerText()).toMatch(/Trying again in \d+ s/);
  for (const { end } of others) end();
  await tab.locator(".summary", { hasText: "Finished" }).waitFor();
  expect(await printed(tab)).toBe("at last");
});

test("waiting for a full server can be given up", async () => {
  const tab = await here.visit("/?lang=python");
  const others = [occupy(30), occupy(30)];
  await Promise.all(others.map(({ started }) => started));
  await run(tab);
  await tab.getByRole("button", { name: "Do not" }).click();
  await tab.getByRole("button", { name: "Run it again" }).waitFor();
  for (const { end } of others) end();
});

test("a server that goes away is missed, and found again", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "print('still here')\n");
  await here.daemons.stopWebd();
  expect(await run(tab)).toContain("The server does not answer");
  await tab.getByText(/Your program is safe in this browser/).waitFor();
  await here.daemons.startWebd();
  await tab.getByText("The server is back.").first().waitFor();
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("still here");
});

test("a server that goes away while a program runs is missed at once", async () => {
  const tab = await here.visit("/?lang=python");
  await write(tab, "import time\nprint('on', flush=True)\ntime.sleep(60)\n");
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByText("on", { exact: true }).waitFor();
  await here.daemons.killWebd();
  expect(await ended(tab)).toContain("The connection to the server broke");
  await here.daemons.startWebd();
  await tab.getByText("The server is back.").first().waitFor();
});

test("a page that is opened before the server is there waits for it", async () => {
  const tab = await here.blank();
  await tab.route("**/api/languages", (route) => route.abort(), { times: 1 });
  await tab.goto(here.daemons.origin);
  await tab
    .getByText(/The server does not answer/)
    .first()
    .waitFor();
  await ready(tab);
  expect(await run(tab)).toContain("Finished");
});

test("where a proxy forbids WebSockets, output still streams", async () => {
  const tab = await here.blank();
  await tab.routeWebSocket("**/api/session", (socket) => socket.close());
  await tab.goto(`${here.daemons.origin}/?lang=python`);
  await ready(tab);
  await write(tab, "import time\nprint('first', flush=True)\ntime.sleep(2)\nprint('last')\n");
  await tab.getByRole("button", { name: "Run", exact: true }).click();
  await tab.getByText("first", { exact: true }).waitFor();
  expect(await tab.getByRole("button", { name: "Stop" }).isVisible()).toBe(true);
  await ended(tab);
  expect(await printed(tab)).toBe("first\nlast");
});

test("where a proxy forbids streams too, the answer comes in one piece", async () => {
  const tab = await here.blank();
  await tab.routeWebSocket("**/api/session", (socket) => socket.close());
  await tab.route("**/api/execute", (route) =>
    route.request().headers()["accept"]?.includes("ndjson") ? route.abort() : route.continue(),
  );
  await tab.goto(`${here.daemons.origin}/?lang=cpp`);
  await ready(tab);
  await write(tab, "#include <iostream>\nint main() { std::cout << 42; std::cerr << 'e'; }\n");
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("42e");
  expect(await tab.locator(".phases").innerText()).toMatch(/Compiled.*Ran/s);
});

/** What is loaded before the first program can run, with Monaco, as it comes over the wire. */
const MAX_LOADED = 750_000;

test("the page is light, and is there before Monaco is", async () => {
  const tab = await here.blank();
  const wire = await tab.context().newCDPSession(tab);
  await wire.send("Network.enable");
  let loaded = 0;
  wire.on("Network.loadingFinished", ({ encodedDataLength }) => (loaded += encodedDataLength));
  const hold = new AbortController();
  await tab.route("**/monaco-*.js", async (route) => {
    await once(hold.signal, "abort");
    await route.continue();
  });
  await tab.goto(here.daemons.origin);
  await tab.locator(".plain-editor").waitFor();
  await expect.poll(() => tab.locator(".plain-editor").inputValue()).not.toBe("");
  // Whoever does not wait can write and run.
  await write(tab, "print('quick')\n");
  expect(await run(tab)).toContain("Finished");
  expect(await printed(tab)).toBe("quick");
  hold.abort();
  await tab.locator(".monaco-editor .view-line").first().waitFor();
  await tab.waitForLoadState("networkidle");
  expect(await tab.locator(".view-lines").innerText()).toContain("quick");
  process.stdout.write(`loaded at first: ${(loaded / 1000).toFixed(0)} kB\n`);
  expect(loaded).toBeLessThan(MAX_LOADED);
});
