import type { StageKind, StageResult } from "@executor/client";
import { t, type Key } from "../i18n/text";
import { formatBytes, formatDuration } from "./format";

export type Tone = "good" | "warning" | "bad" | "neutral";

/** Result of a program, a compilation or a test as the page shows it. */
export interface Verdict {
  tone: Tone;
  title: string;
  /** Figures and reasons; may be empty. */
  detail: string;
}

const LIMITS = {
  cpu_time: "limitCpu",
  wall_time: "limitWall",
  memory: "limitMemory",
  output: "limitOutput",
  input_idle: "limitInputIdle",
} as const;

/** Explanations for programs that were terminated by a signal; see signal(7). */
const SIGNALS: Record<string, Key> = {
  SIGSEGV: "sigsegv",
  SIGABRT: "sigabrt",
  SIGFPE: "sigfpe",
  SIGILL: "sigill",
  SIGBUS: "sigbus",
  SIGSYS: "sigsys",
  SIGPIPE: "sigpipe",
  SIGXFSZ: "sigxfsz",
  SIGINT: "sigint",
  SIGKILL: "sigkill",
  SIGTERM: "sigterm",
};

export function verdict(stage: StageKind, result: StageResult): Verdict {
  const { status, cause } = result;
  if (cause) {
    const format = cause.unit === "bytes" ? formatBytes : formatDuration;
    const used = { allowed: format(cause.allowed), used: format(cause.used) };
    return {
      tone: "bad",
      title: t(LIMITS[cause.limit]),
      detail: t(stage === "compile" ? "compilerAllowedUsed" : "allowedUsed", used),
    };
  }
  if (status === "cancelled") return { tone: "neutral", title: t("stopped"), detail: "" };
  if (result.signal !== null) {
    const name = result.signal_name ?? `signal ${result.signal}`;
    const explanation = SIGNALS[name];
    return {
      tone: "bad",
      title: t("terminatedBy", { signal: name }),
      detail: explanation ? t(explanation) : "",
    };
  }
  if (status === "ok") {
    return stage === "compile"
      ? { tone: "good", title: t("compiled"), detail: "" }
      : { tone: "good", title: t("finished"), detail: t("exitCode0") };
  }
  return stage === "compile"
    ? { tone: "bad", title: t("compilationFailed"), detail: t("seeCompiler") }
    : { tone: "warning", title: t("exited", { code: result.exit_code ?? "?" }), detail: "" };
}
