import type { StageKind, StageResult } from "../api/types";
import { bytes, time } from "./quantity";

export type Tone = "good" | "warning" | "bad" | "neutral";

/** How something ended, in words. */
export interface Verdict {
  tone: Tone;
  title: string;
  /** Figures and reasons. */
  detail: string;
}

const LIMITS = {
  cpu_time: "Stopped: it used up its processor time",
  wall_time: "Stopped: it ran out of time",
  memory: "Stopped: it needed more memory than it may have",
  output: "Stopped: it printed more than is kept",
} as const;

/** What signals mean to the person whose program got one. */
const SIGNALS: Record<string, string> = {
  SIGSEGV: "it touched memory that is not its own",
  SIGABRT: "it gave up by itself: a failed check, or an error that nothing caught",
  SIGFPE: "arithmetic that has no result, like a division by zero",
  SIGILL: "an instruction that the processor does not have",
  SIGBUS: "memory that is not there",
  SIGSYS: "a system call that programs may not make here",
  SIGPIPE: "it wrote to where nobody reads any more",
  SIGXFSZ: "a file larger than files may be here",
  SIGINT: "interrupted",
  SIGKILL: "killed",
  SIGTERM: "told to end",
};

export function verdict(stage: StageKind, result: StageResult): Verdict {
  const { status, cause } = result;
  if (cause) {
    const amount = cause.unit === "bytes" ? bytes : time;
    const who = stage === "compile" ? "the compiler: " : "";
    return {
      tone: "bad",
      title: LIMITS[cause.limit],
      detail: `${who}${amount(cause.allowed)} allowed, ${amount(cause.used)} used`,
    };
  }
  if (status === "cancelled") return { tone: "neutral", title: "Stopped by you", detail: "" };
  if (result.signal !== null) {
    const name = result.signal_name ?? `signal ${result.signal}`;
    return { tone: "bad", title: `Ended by ${name}`, detail: SIGNALS[name] ?? "" };
  }
  if (status === "ok") {
    return stage === "compile"
      ? { tone: "good", title: "Compiled", detail: "" }
      : { tone: "good", title: "Finished", detail: "exit code 0" };
  }
  return stage === "compile" || status === "compile_error"
    ? { tone: "bad", title: "Did not compile", detail: "the compiler says why" }
    : { tone: "warning", title: `Exited with code ${result.exit_code ?? "?"}`, detail: "" };
}
