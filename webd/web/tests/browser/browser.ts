import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const SCREENSHOTS = resolve(import.meta.dirname, "../../../../target/screenshots");

/** Debian's Chromium, as root and without its own conversations with the world. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Everything that these tests start is here. */
const OURS = new Set(["127.0.0.1", "localhost"]);

/** A page that keeps account of what it must never do. */
export interface Watched {
  page: Page;
  /** Violations of the content policy, errors nobody caught, and requests to other servers. */
  offences: string[];
  close: () => Promise<void>;
}

export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  // A busy machine is no reason to fail: these are for what never comes.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const offences: string[] = [];
  await page.exposeFunction("offend", (words: string) => offences.push(words));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const offend = (globalThis as unknown as { offend: (words: string) => void }).offend;
      offend(
        `policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}`,
      );
    });
  });
  page.on("pageerror", (error) => offences.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && !OURS.has(hostname))
      offences.push(`request: ${request.url()}`);
  });
  return { page, offences, close: () => context.close() };
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled" });
}
