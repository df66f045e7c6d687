import { expect, test } from "vitest";
import { ndjson } from "../../src/api/ndjson";
import { replay } from "../../src/api/replay";
import type { RunEvent } from "../../src/api/transport";
import type { PlainAnswer, StageResult } from "../../src/api/types";
import { judge, same } from "../../src/run/cases";
import { bytes, time } from "../../src/run/quantity";
import { advance, newRun, type RunState } from "../../src/run/state";
import { verdict } from "../../src/run/verdict";

const OK: StageResult = {
  status: "ok",
  exit_code: 0,
  signal: null,
  signal_name: null,
  truncated: false,
  cause: null,
  usage: { wall_ms: 1, cpu_ms: 1, memory_bytes: 1 },
};

function words(part: Partial<StageResult>, stage: "compile" | "run" = "run"): string {
  const { tone, title, detail } = verdict(stage, { ...OK, ...part });
  return `${tone}: ${title}${detail === "" ? "" : ` (${detail})`}`;
}

test("every end has its words", () => {
  expect(words({})).toBe("good: Finished (exit code 0)");
  expect(words({}, "compile")).toBe("good: Compiled");
  expect(words({ status: "nonzero", exit_code: 3 })).toBe("warning: Exited with code 3");
  expect(words({ status: "nonzero", exit_code: 1 }, "compile")).toBe(
    "bad: Did not compile (the compiler says why)",
  );
  expect(words({ status: "signal", exit_code: null, signal: 11, signal_name: "SIGSEGV" })).toBe(
    "bad: Ended by SIGSEGV (it touched memory that is not its own)",
  );
  expect(words({ status: "signal", exit_code: null, signal: 40 })).toBe("bad: Ended by signal 40");
  expect(words({ status: "cancelled", exit_code: null })).toBe("neutral: Stopped by you");
  const cause = (limit: "memory" | "cpu_time" | "wall_time" | "output", unit: "bytes" | "ms") => ({
    limit,
    unit,
    allowed: unit === "ms" ? 10_000 : 268_435_456,
    used: unit === "ms" ? 10_012 : 268_500_000,
    message: "",
  });
  expect(words({ status: "memory", cause: cause("memory", "bytes") })).toBe(
    "bad: Stopped: it needed more memory than it may have (256 MiB allowed, 256 MiB used)",
  );
  expect(words({ status: "timeout", cause: cause("cpu_time", "ms") })).toBe(
    "bad: Stopped: it used up its processor time (10 s allowed, 10 s used)",
  );
  expect(words({ status: "timeout", cause: cause("wall_time", "ms") }, "compile")).toBe(
    "bad: Stopped: it ran out of time (the compiler: 10 s allowed, 10 s used)",
  );
});

test("figures are short", () => {
  expect([0, 900, 1024, 1536, 268_435_456, 5e12].map(bytes)).toEqual([
    "0 bytes",
    "900 bytes",
    "1 KiB",
    "1.5 KiB",
    "256 MiB",
    "4.55 TiB",
  ]);
  expect([0.123, 12.34, 999, 1500, 90_000].map(time)).toEqual([
    "0.12 ms",
    "12.3 ms",
    "999 ms",
    "1.5 s",
    "1.5 min",
  ]);
});

test("a case passes whatever the blanks at its ends", () => {
  expect(same("1\n2", "1  \n2\n\n")).toBe(true);
  expect(same("1\r\n2", "1\n2\n")).toBe(true);
  expect(same(" 1", "1")).toBe(false);
  expect(same("1\n\n2", "1\n2")).toBe(false);
  expect(same("", "")).toBe(true);
  expect(judge({ stdin: "", expected: "4" }, OK, "4\n").words).toBe("Passed");
  expect(judge({ stdin: "", expected: "4" }, OK, "5\n").words).toBe("Wrong output");
  const failed = { ...OK, status: "nonzero" as const, exit_code: 1 };
  expect(judge({ stdin: "", expected: "4" }, failed, "4\n").words).toBe("Exited with code 1");
});

test("a run is told by its events", () => {
  const events: RunEvent[] = [
    { type: "reached", transport: "stream" },
    { type: "queued", position: 2 },
    { type: "stage", stage: "compile" },
    { type: "stage_finished", stage: "compile", ...OK },
    { type: "stage", stage: "run", run: 0 },
  ];
  const state = events.reduce<RunState>(advance, newRun);
  expect(state.position).toBeNull();
  expect(state.stages.map(({ kind, result }) => [kind, result?.status ?? null])).toEqual([
    ["compile", "ok"],
    ["run", null],
  ]);
  expect(advance(state, { type: "lost" }).ending).toEqual({ how: "lost" });
});

test("an answer in one piece is told like one that was watched", () => {
  const stage = { ...OK, stdout_base64: "aGk=", stderr_base64: "" };
  const answer: PlainAnswer = { ...OK, id: "1", limits: null, compile: null, runs: [stage, stage] };
  const told: string[] = [];
  replay(answer, (event) => told.push(event.type));
  expect(told.join(" ")).toBe("stage output stage_finished stage output stage_finished finished");
});

test("values are read from a stream however it is cut", async () => {
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
