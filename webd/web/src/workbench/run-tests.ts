/** Runs the program's tests: one request with one compilation and a run for each test. */
import { type ExecutionEvent, fromBase64 } from "@executor/client";
import { findProblems } from "../execution/problems";
import { t } from "../i18n/text";
import { testVerdict } from "../execution/test-verdict";
import { OutputBuffer } from "../output/output-buffer";
import { testsRequest } from "../program/program";
import { programLoaded } from "./editing";
import { sendRequest, startExecution } from "./execution";
import { postStatus } from "./live-region";
import { busy, compilerOutput, language, problems, program, resultTab, testResults } from "./state";

export async function runTests(): Promise<void> {
  // Not the program that the user is leaving. Otherwise the run begins before the next key.
  const loaded = programLoaded();
  if (loaded) await loaded;
  if (busy.value || !program.value || program.value.tests.length === 0) return;
  const tested = program.value;
  resultTab.value = "tests";
  problems.value = [];
  testResults.value = tested.tests.map(() => null);
  compilerOutput.value = "";
  const abort = startExecution({ kind: "tests", console: "pipes", inputOpen: false });

  // Several tests may run concurrently.
  const outputs = new Map<string, OutputBuffer>();
  const key = (event: { stage: string; run?: number }) => `${event.stage} ${event.run ?? 0}`;
  const onEvent = (event: ExecutionEvent) => {
    if (event.type === "stage") {
      outputs.set(key(event), new OutputBuffer());
      if (event.stage === "run") setResult(event.run ?? 0, "running");
    } else if (event.type === "output") {
      outputs.get(key(event))?.append(event.stream, fromBase64(event.data));
    } else if (event.type === "stage_finished" && event.stage === "compile") {
      const files = tested.files.map((file) => file.name);
      compilerOutput.value = outputs.get(key(event))?.text() ?? "";
      problems.value = findProblems(compilerOutput.value, language.value?.editor.mode ?? "", files);
    } else if (event.type === "stage_finished") {
      const run = event.run ?? 0;
      const output = outputs.get(key(event));
      if (!output) return;
      const verdict = testVerdict(event);
      setResult(run, { verdict, usage: event.usage, output: output.text() });
      postStatus(t("testStatus", { number: run + 1, verdict: verdict.title }));
    } else if (["finished", "stopped", "disconnected"].includes(event.type)) {
      testResults.value = testResults.value.map((result) => (result === "running" ? null : result));
    }
  };
  await sendRequest({ body: testsRequest(tested), abort }, onEvent, runTests);
}

function setResult(index: number, result: (typeof testResults.value)[number]): void {
  testResults.value = testResults.value.map((old, other) => (other === index ? result : old));
}
