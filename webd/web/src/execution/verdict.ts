import type { StageKind, StageResult } from "../api/messages";
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
  cpu_time: "CPU time limit exceeded",
  wall_time: "Wall-clock time limit exceeded",
  memory: "Memory limit exceeded",
  output: "Output limit exceeded",
} as const;

/** Explanations for programs that were terminated by a signal; see signal(7). */
const SIGNALS: Record<string, string> = {
  SIGSEGV: "segmentation fault: invalid memory access",
  SIGABRT: "aborted: a failed assertion or an uncaught exception",
  SIGFPE: "arithmetic error, such as division by zero",
  SIGILL: "illegal instruction",
  SIGBUS: "bus error: memory that does not exist",
  SIGSYS: "system call that the sandbox does not allow",
  SIGPIPE: "write to a pipe that is closed at the other end",
  SIGXFSZ: "file size limit exceeded",
  SIGINT: "interrupted",
  SIGKILL: "killed",
  SIGTERM: "asked to terminate",
};

export function verdict(stage: StageKind, result: StageResult): Verdict {
  const { status, cause } = result;
  if (cause) {
    const format = cause.unit === "bytes" ? formatBytes : formatDuration;
    const subject = stage === "compile" ? "compiler: " : "";
    return {
      tone: "bad",
      title: LIMITS[cause.limit],
      detail: `${subject}${format(cause.allowed)} allowed, ${format(cause.used)} used`,
    };
  }
  if (status === "cancelled") return { tone: "neutral", title: "Stopped by you", detail: "" };
  if (result.signal !== null) {
    const name = result.signal_name ?? `signal ${result.signal}`;
    return { tone: "bad", title: `Terminated by ${name}`, detail: SIGNALS[name] ?? "" };
  }
  if (status === "ok") {
    return stage === "compile"
      ? { tone: "good", title: "Compiled", detail: "" }
      : { tone: "good", title: "Finished", detail: "exit code 0" };
  }
  return stage === "compile"
    ? { tone: "bad", title: "Compilation failed", detail: "see the compiler's output" }
    : { tone: "warning", title: `Exited with code ${result.exit_code ?? "?"}`, detail: "" };
}
