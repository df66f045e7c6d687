import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { compressed } from "./build/compressed.ts";
import { contentPolicy } from "./build/content-policy.ts";
import { withoutUnused } from "./build/without-unused.ts";

// Origin of the API if it is not the page's own origin: https://executor.example.org
const api = process.env["EXECUTOR_API"] ?? "";

// The page uses the sources of the client library.
const client = fileURLToPath(new URL("../../clients/typescript/src", import.meta.url));

const modules = fileURLToPath(new URL("node_modules", import.meta.url));

// Files that are only served by a test need not be compressed, which takes longer than the rest of the build.
const isCompressed = process.env["EXECUTOR_COMPRESSED"] !== "no";

// Tests need no time themselves, but they share the machine with builds.
const UNIT_TIMEOUT = 60_000;

const BROWSER = {
  globalSetup: "tests/browser/installation.ts",
  // Test files share the machine: each starts its own daemons and browser.
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: 60_000 } },
};

export default defineConfig({
  base: "./",
  resolve: {
    alias: [
      { find: "@executor/client", replacement: `${client}/index.ts` },
      // Its modules, with the names that Monaco has had since 0.56.
      { find: /^monaco-vim$/, replacement: `${modules}/monaco-vim/dist/index.mjs` },
      { find: /^monaco-editor\/esm\/vs\//, replacement: "monaco-editor/" },
    ],
  },
  define: { __EXECUTOR_API__: JSON.stringify(api) },
  plugins: [
    withoutUnused(),
    contentPolicy(readFileSync("policy.txt", "utf8"), api),
    isCompressed && compressed(),
  ],
  build: {
    outDir: "../../target/web",
    emptyOutDir: true,
    target: ["chrome111", "firefox114", "safari16.4"],
    // No data: URLs: the content security policy would have to allow them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
  },
  worker: { format: "es" },
  server: {
    fs: { allow: [".", client] },
    proxy: {
      "/api": { target: "http://127.0.0.1:3000", ws: true },
      "/openapi.json": "http://127.0.0.1:3000",
    },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          testTimeout: UNIT_TIMEOUT,
          hookTimeout: UNIT_TIMEOUT,
        },
      },
      {
        extends: true,
        test: { name: "browser", include: ["tests/browser/**/*.test.ts"], ...BROWSER },
      },
      {
        extends: true,
        test: { name: "screenshots", include: ["tests/screenshots/**/*.test.ts"], ...BROWSER },
      },
      {
        extends: true,
        test: { name: "review", include: ["tests/review/**/*.test.ts"], ...BROWSER },
      },
    ],
  },
});
