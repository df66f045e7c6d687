import type { Answer, StageKind } from "./messages.js";
import type { EventListener } from "./transport.js";

/** Emits a complete answer as the events of a live execution. */
export function replay(answer: Answer, onEvent: EventListener): void {
  const { id, limits, compile_limits } = answer;
  if (limits) onEvent({ type: "started", id, limits, compile_limits });
  const stages: [StageKind, Answer["runs"]][] = [
    ["compile", answer.compile ? [answer.compile] : []],
    ["run", answer.runs],
  ];
  for (const [stage, results] of stages) {
    results.forEach((result, run) => {
      onEvent({ type: "stage", stage, run });
      if (result.stdout_base64)
        onEvent({ type: "output", stage, run, stream: "stdout", data: result.stdout_base64 });
      if (result.stderr_base64)
        onEvent({ type: "output", stage, run, stream: "stderr", data: result.stderr_base64 });
      for (const file of result.output_files ?? [])
        onEvent({ ...file, type: "output_file", stage, run });
      onEvent({ ...result, type: "stage_finished", stage, run });
    });
  }
  onEvent({ ...answer, type: "finished" });
}
