import { expect, test } from "vitest";
import {
  type Answer,
  type ExecutionEvent,
  ndjson,
  replay,
  type StageFinishedEvent,
  type StageResult,
} from "@executor/client";
import { formatBytes, formatDuration } from "../../src/execution/format";
import { INITIAL_STATE, applyEvent, type ExecutionState } from "../../src/execution/state";
import { testVerdict } from "../../src/execution/test-verdict";
import { verdict } from "../../src/execution/verdict";

const OK: StageResult = {
  status: "ok",
  exit_code: 0,
  signal: null,
  signal_name: null,
  truncated: false,
  cause: null,
  usage: {
    wall_ms: 1,
    cpu_ms: 1,
    user_cpu_ms: 1,
    system_cpu_ms: 0,
    memory_bytes: 1,
    peak_processes: 1,
    stdout_bytes: 2,
    stderr_bytes: 0,
  },
  start: "warm",
  start_ms: 1,
};

function verdictText(part: Partial<StageResult>, stage: "compile" | "run" = "run"): string {
  const { tone, title, detail } = verdict(stage, { ...OK, ...part });
  return `${tone}: ${title}${detail === "" ? "" : ` (${detail})`}`;
}

test("every result has a title and a reason", () => {
  expect(verdictText({})).toBe("good: Finished (exit code 0)");
  expect(verdictText({}, "compile")).toBe("good: Compiled");
  expect(verdictText({ status: "nonzero", exit_code: 3 })).toBe("warning: Exited with code 3");
  expect(verdictText({ status: "nonzero", exit_code: 1 }, "compile")).toBe(
    "bad: Compilation failed (see the compiler's output)",
  );
  expect(
    verdictText({ status: "signal", exit_code: null, signal: 11, signal_name: "SIGSEGV" }),
  ).toBe("bad: Terminated by SIGSEGV (segmentation fault: invalid memory access)");
  expect(verdictText({ status: "signal", exit_code: null, signal: 40 })).toBe(
    "bad: Terminated by signal 40",
  );
  expect(verdictText({ status: "cancelled", exit_code: null })).toBe("neutral: Stopped by you");
  const cause = (
    limit: "memory" | "cpu_time" | "wall_time" | "output" | "input_idle",
    unit: "bytes" | "ms",
  ) => ({
    limit,
    unit,
    allowed: unit === "ms" ? 10_000 : 268_435_456,
    used: unit === "ms" ? 10_012 : 268_500_000,
    message: "",
  });
  expect(verdictText({ status: "memory", cause: cause("memory", "bytes") })).toBe(
    "bad: Memory limit exceeded (256 MiB allowed, 256 MiB used)",
  );
  expect(verdictText({ status: "timeout", cause: cause("cpu_time", "ms") })).toBe(
    "bad: CPU time limit exceeded (10 s allowed, 10 s used)",
  );
  expect(verdictText({ status: "timeout", cause: cause("input_idle", "ms") })).toBe(
    "bad: No input for too long (10 s allowed, 10 s used)",
  );
  expect(verdictText({ status: "timeout", cause: cause("wall_time", "ms") }, "compile")).toBe(
    "bad: Wall-clock time limit exceeded (compiler: 10 s allowed, 10 s used)",
  );
});

test("quantities are rounded to three digits", () => {
  expect([0, 900, 1024, 1536, 268_435_456, 5e12].map(formatBytes)).toEqual([
    "0 B",
    "900 B",
    "1 KiB",
    "1.5 KiB",
    "256 MiB",
    "4.55 TiB",
  ]);
  expect([0.123, 12.34, 999, 1500, 90_000].map(formatDuration)).toEqual([
    "0.12 ms",
    "12.3 ms",
    "999 ms",
    "1.5 s",
    "1.5 min",
  ]);
});

test("the verdict of a test is the server's", () => {
  const verdictOf = (changes: Partial<StageFinishedEvent>) => {
    const { tone, title, detail } = testVerdict({
      type: "stage_finished",
      stage: "run",
      ...OK,
      ...changes,
    });
    return [tone, title, detail];
  };
  const wrong = (difference: Partial<NonNullable<StageFinishedEvent["difference"]>>) =>
    verdictOf({
      verdict: "wrong_answer",
      difference: { line: 2, column: 7, expected: "42", actual: "43", ...difference },
    });
  const place = "Line 2, column 7:";
  expect(verdictOf({ verdict: "accepted" })).toEqual(["good", "Passed", ""]);
  expect(wrong({})).toEqual(["bad", "Wrong output", `${place} expected “42”, got “43”`]);
  expect(wrong({ actual: null })[2]).toBe(`${place} the output ends, “42” is missing`);
  expect(wrong({ expected: null })[2]).toBe(`${place} “43” is not expected`);
  expect(
    verdictOf({ verdict: "runtime_error", status: "nonzero", exit_code: 1 }).slice(0, 2),
  ).toEqual(["warning", "Exited with code 1"]);
  // No run counts as passed without a verdict of the server.
  expect(verdictOf({})).toEqual(["bad", "Wrong output", ""]);
});

test("events determine the state of an execution", () => {
  const events: ExecutionEvent[] = [
    { type: "connected", transport: "stream" },
    { type: "queued", position: 2 },
    { type: "stage", stage: "compile" },
    { type: "stage_finished", stage: "compile", ...OK },
    { type: "stage", stage: "run", run: 0 },
  ];
  const state = events.reduce<ExecutionState>(applyEvent, INITIAL_STATE);
  expect(state.queuePosition).toBeNull();
  expect(state.stages.map(({ kind, result }) => [kind, result?.status ?? null])).toEqual([
    ["compile", "ok"],
    ["run", null],
  ]);
  const waiting = applyEvent(state, { type: "waiting_for_input", stage: "run", run: 0 });
  expect([state.waiting, waiting.waiting]).toEqual([false, true]);
  expect(applyEvent(waiting, { type: "stage_finished", stage: "run", run: 0, ...OK }).waiting).toBe(
    false,
  );
  expect(applyEvent(state, { type: "disconnected" }).ending).toEqual({ kind: "disconnected" });
});

test("a complete answer is replayed as the events of a live execution", () => {
  const output = {
    output: "hi",
    stdout: "hi",
    stderr: "",
    stdout_base64: "aGk=",
    stderr_base64: "",
  };
  const stage = { ...OK, ...output };
  const answer: Answer = {
    ...stage,
    id: "1",
    limits: null,
    compile_limits: null,
    queue_ms: 0,
    compile: null,
    runs: [stage, stage],
  };
  const events: string[] = [];
  replay(answer, (event) => events.push(event.type));
  expect(events.join(" ")).toBe("stage output stage_finished stage output stage_finished finished");
});

test("JSON lines are parsed across chunk boundaries", async () => {
  const text = '{"a":"ü"}\n\n{"b":1}\n{"c":2}';
  const all = new TextEncoder().encode(text);
  for (let size = 1; size < all.length; size++) {
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        for (let at = 0; at < all.length; at += size) controller.enqueue(all.slice(at, at + size));
        controller.close();
      },
    });
    const values: unknown[] = [];
    for await (const value of ndjson(body)) values.push(value);
    expect(values).toEqual([{ a: "ü" }, { b: 1 }, { c: 2 }]);
  }
});
