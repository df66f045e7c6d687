/** A server that requires API keys. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Page } from "playwright-core";
import { ready, run, setCode, shownOutput, testEnvironment, verdictText } from "./environment";
import { BINARIES } from "./installation";

const directory = mkdtempSync(join(tmpdir(), "executor-keys-"));
const file = join(directory, "keys.toml");
const key = (...args: string[]) =>
  execFileSync(join(BINARIES, "executor"), ["key", "--key-file", file, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  }).trim();
const alice = key("add", "alice");
key("revoke", "anonymous");
// webd of the tests is not in the group that may read the file.
chmodSync(directory, 0o755);
chmodSync(file, 0o644);
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const env = testEnvironment({ slots: 2, queue: 8, webd: `[keys]\nfile = "${file}"` });

const items = (page: Page) =>
  page.evaluate(() =>
    [sessionStorage, localStorage].map((area) => area.getItem("executor.api-key")),
  );

test("the page asks for a key, runs the program with it, and forgets it with the tab", async () => {
  const page = await env.openPage("/?lang=python");
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  page.on("websocket", (socket) => urls.push(socket.url()));
  await setCode(page, "print(input())\n");
  expect(await run(page)).toContain("an API key is required");
  const field = page.getByRole("textbox", { name: "API key" });
  await field.fill("exk_wrong");
  await page.getByRole("button", { name: "Use this key" }).click();
  await page.locator(".summary", { hasText: "the API key is not valid" }).waitFor();
  await field.fill(alice);
  await page.getByRole("button", { name: "Use this key" }).click();
  // Only a session takes input while the program runs.
  const input = page.getByLabel("Input line");
  await input.fill("hello");
  await input.press("Enter");
  expect(await verdictText(page)).toContain("Finished");
  expect(await shownOutput(page)).toContain("hello");
  expect(await items(page)).toEqual([alice, null]);
  expect(urls.some((url) => url.endsWith("/api/session"))).toBe(true);
  expect(urls.filter((url) => url.includes("exk_") || url.includes("token."))).toEqual([]);

  await page.reload();
  await ready(page);
  await setCode(page, "print('again')\n");
  expect(await run(page)).toContain("Finished");
});

test("a key is kept in the browser if the user wants that, and forgotten on request", async () => {
  const page = await env.openPage("/?lang=python");
  const open = async () => {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("button", { name: "API key" }).click();
  };
  await open();
  await page.getByRole("textbox", { name: "API key" }).fill(` ${alice} `);
  await page.getByLabel("Keep the key in this browser").check();
  await page.getByRole("button", { name: "Use this key" }).click();
  await setCode(page, "print(1)\n");
  expect(await run(page)).toContain("Finished");
  expect(await items(page)).toEqual([null, alice]);
  await open();
  await page.getByRole("button", { name: "Forget the key" }).click();
  expect(await items(page)).toEqual([null, null]);
  await page.getByRole("button", { name: "Close" }).click();
  expect(await run(page)).toContain("an API key is required");
});
