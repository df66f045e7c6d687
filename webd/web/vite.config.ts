import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";
import { compressed } from "./build/compressed.ts";
import { contentPolicy } from "./build/content-policy.ts";
import { withoutDiffEditors } from "./build/without-diff.ts";

// Where the API is, if not where the page comes from: https://executor.example.org
const api = process.env["EXECUTOR_API"] ?? "";

export default defineConfig({
  base: "./",
  define: { __EXECUTOR_API__: JSON.stringify(api) },
  plugins: [
    withoutDiffEditors(),
    contentPolicy(readFileSync("policy.txt", "utf8"), api),
    compressed(),
  ],
  build: {
    outDir: "../../target/web",
    emptyOutDir: true,
    target: ["chrome111", "firefox114", "safari16.4"],
    // Everything is a file of its own: data: addresses would need room in the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: "http://127.0.0.1:3000", ws: true },
      "/openapi.json": "http://127.0.0.1:3000",
    },
  },
  test: {
    projects: [
      { extends: true, test: { name: "unit", include: ["tests/unit/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.ts"],
          globalSetup: "tests/browser/installed.ts",
          // One pair of daemons and one browser, one test after the other.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
});
