/** What all daemons of a run of these tests share: the page, webd and the languages, put together once. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    installed: string;
  }
}

const CHECKOUT = resolve(import.meta.dirname, "../../../..");
const PAGE = join(CHECKOUT, "target/web");
/** Where cargo puts a build for tests. */
export const BINARIES = process.env["EXECUTOR_BIN_DIR"] ?? join(CHECKOUT, "target/debug");

/** What is built for a language beside its file. Go's takes minutes, and programs run without it. */
const LAUNCHERS = ["java", "javascript", "python", "typescript"];

export default function install(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), "executor-page-"));
  chmodSync(directory, 0o711);
  // A build in the meantime must not change what is tested; and where the checkout is closed to nobody, copies are not.
  copyFileSync(join(BINARIES, "webd"), join(directory, "webd"));
  execFileSync("cp", ["-r", PAGE, join(directory, "web")]);
  execFileSync("chmod", ["-R", "a+rX", join(directory, "web")]);
  installLanguages(join(directory, "languages"));
  project.provide("installed", directory);
  return () => {
    rmSync(directory, { recursive: true, force: true });
  };
}

function installLanguages(to: string): void {
  const from = join(CHECKOUT, "executord/languages");
  mkdirSync(to);
  for (const file of readdirSync(from)) {
    if (file.endsWith(".toml")) copyFileSync(join(from, file), join(to, file));
  }
  for (const language of LAUNCHERS) execFileSync("sh", [join(from, language, "build.sh"), to]);
  symlinkSync(precompiledHeaders(from), join(to, "cpp"));
}

/** The launcher of C++: half a gigabyte, kept where the tests of the daemons keep it, and made anew when out of date. */
function precompiledHeaders(from: string): string {
  const kept = join(CHECKOUT, "target/e2e-cpp");
  mkdirSync(kept, { recursive: true });
  execFileSync("install", ["-Cm644", join(from, "cpp.toml"), kept]);
  execFileSync("flock", [join(kept, "lock"), "sh", join(from, "cpp/build.sh"), kept]);
  return join(kept, "cpp");
}
