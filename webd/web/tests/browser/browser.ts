import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const SCREENSHOTS = resolve(import.meta.dirname, "../../../../target/screenshots");

/** Launches Debian's Chromium as root, without network requests of its own. */
export function launchBrowser(): Promise<Browser> {
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

/** Hosts of the servers that the tests start. */
const LOCAL_HOSTS = new Set(["127.0.0.1", "localhost"]);

/** Page that records what it must not do. */
export interface MonitoredPage {
  page: Page;
  /** Violations of the content security policy, uncaught errors, and requests to other servers. */
  violations: string[];
  close: () => Promise<void>;
}

export async function openMonitoredPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<MonitoredPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  // Long enough for a busy machine: this only catches what never happens.
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const violations: string[] = [];
  await page.exposeFunction("reportViolation", (message: string) => violations.push(message));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const { reportViolation } = globalThis as unknown as {
        reportViolation: (message: string) => void;
      };
      reportViolation(
        `policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample} ${event.sourceFile}`,
      );
    });
  });
  page.on("pageerror", (error) => violations.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && !LOCAL_HOSTS.has(hostname))
      violations.push(`request: ${request.url()}`);
  });
  return { page, violations, close: () => context.close() };
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled" });
}
