/** Installs the page, webd and the languages once for all daemons of a test run. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
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
/** Directory of the debug build. */
export const BINARIES = process.env["EXECUTOR_BIN_DIR"] ?? join(CHECKOUT, "target/debug");

/** Languages whose launchers are built. That of Go takes minutes, and its programs run without it. */
const LAUNCHERS = ["java", "javascript", "python", "typescript"];

export default function install(project: TestProject): () => void {
  const directory = mkdtempSync(join(tmpdir(), "executor-page-"));
  chmodSync(directory, 0o711);
  // Copies: a build during the tests must not change them, and user nobody may have no access to the checkout.
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
  for (const version of ["2.1.0", "1.9.3"])
    writeFileSync(join(to, `speech-${version}.toml`), speech(version));
  execFileSync("cp", ["-a", `${builtLaunchers(from)}/.`, to]);
  symlinkSync(precompiledHeaders(from), join(to, "cpp"));
}

/** Returns the directory of the launchers, which are built once from the current sources: that takes seconds. */
function builtLaunchers(from: string): string {
  const zygote = join(BINARIES, "libexecutor_zygote.so");
  const sources = LAUNCHERS.flatMap((language) =>
    readdirSync(join(from, language)).map((file) => join(from, language, file)),
  );
  const hash = createHash("sha256");
  for (const path of [...sources, zygote].sort()) {
    const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  const all = join(CHECKOUT, "target/e2e-launchers");
  const built = join(all, `page-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(built)) return built;
  mkdirSync(all, { recursive: true });
  // Under a temporary name, so that a build that fails leaves nothing.
  const building = mkdtempSync(join(all, "building-"));
  chmodSync(building, 0o755);
  try {
    for (const language of LAUNCHERS) {
      execFileSync("sh", [join(from, language, "build.sh"), building], {
        env: { ...process.env, EXECUTOR_ZYGOTE: zygote },
      });
    }
    renameSync(building, built);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return built;
}

/** Returns a language file of `speech`, of which each host has two versions. Its programs are for sh(1). */
function speech(version: string): string {
  const variant = version === "2.1.0" ? "" : `variant = "${version}"\n`;
  return `name = "speech"\n${variant}title = "Speech"\naliases = []\nextensions = ["speech"]\nfile_name = "main.speech"
example = "echo $SPEECH"
[version]
command = ["sh", "-c", "echo version ${version}"]
pattern = 'version ([0-9.]+)'
[editor]
mode = "shell"
line_comment = "#"
indent = 4
[run]
command = ["sh", "{main}"]
environment = { SPEECH = "${version}" }
[self_test]
stdout = "${version}\\n"
[[self_test.files]]
name = "main.speech"
content = "echo $SPEECH"
`;
}

/** Returns the launcher of C++ (half a gigabyte). It is cached together with the daemons' tests, and rebuilt if it is stale. */
function precompiledHeaders(from: string): string {
  const cache = join(CHECKOUT, "target/e2e-cpp");
  mkdirSync(cache, { recursive: true });
  execFileSync("install", ["-Cm644", join(from, "cpp.toml"), cache]);
  execFileSync("flock", [join(cache, "lock"), "sh", join(from, "cpp/build.sh"), cache]);
  return join(cache, "cpp");
}
