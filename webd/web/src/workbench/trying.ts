/** Trying the program's cases: one request, one compilation, a run for each. */
import { fromBase64 } from "../api/base64";
import type { RunEvent } from "../api/transport";
import { KeptOutput } from "../output/kept";
import { casesRequest } from "../program/program";
import { judge } from "../run/cases";
import { findProblems } from "../run/problems";
import { newRun } from "../run/state";
import { announce } from "./announce";
import { begin, currentHangUp, follow } from "./running";
import { busy, caseRows, compilerSaid, language, problems, program, resultTab } from "./state";

export async function tryCases(): Promise<void> {
  if (busy.value || !program.value || program.value.cases.length === 0) return;
  const tried = program.value;
  resultTab.value = "cases";
  problems.value = [];
  caseRows.value = tried.cases.map(() => null);
  begin({ what: "cases", state: newRun, terminal: false, inputOpen: false });

  let printed = new KeptOutput();
  const hear = (event: RunEvent) => {
    if (event.type === "stage") {
      printed = new KeptOutput();
      if (event.stage === "run") setRow(event.run ?? 0, "running");
    } else if (event.type === "output") {
      printed.add(event.stream, fromBase64(event.data));
    } else if (event.type === "stage_finished" && event.stage === "compile") {
      const files = tried.files.map((file) => file.name);
      problems.value = findProblems(printed.text(), language.value?.editor.mode ?? "", files);
      compilerSaid.value = printed.text();
    } else if (event.type === "stage_finished") {
      const run = event.run ?? 0;
      const one = tried.cases[run];
      if (!one) return;
      const verdict = judge(one, event, printed.text("stdout"));
      setRow(run, { verdict, usage: event.usage, printed: printed.text() });
      announce(`Case ${run + 1}: ${verdict.words}`);
    } else if (event.type === "finished" || event.type === "stopped" || event.type === "lost") {
      caseRows.value = caseRows.value.map((row) => (row === "running" ? null : row));
    }
  };
  compilerSaid.value = "";
  await follow({ request: casesRequest(tried), hangUp: currentHangUp() }, hear, tryCases);
}

function setRow(index: number, row: (typeof caseRows.value)[number]): void {
  caseRows.value = caseRows.value.map((old, other) => (other === index ? row : old));
}
