import type { Listener } from "./transport";
import type { PlainAnswer, StageKind } from "./types";

/** An answer in one piece, told as if it had been watched. */
export function replay(answer: PlainAnswer, listener: Listener): void {
  if (answer.limits) listener({ type: "started", id: answer.id, limits: answer.limits });
  const stages: [StageKind, PlainAnswer["runs"]][] = [
    ["compile", answer.compile ? [answer.compile] : []],
    ["run", answer.runs],
  ];
  for (const [stage, results] of stages) {
    results.forEach((result, run) => {
      listener({ type: "stage", stage, run });
      if (result.stdout_base64)
        listener({ type: "output", stream: "stdout", data: result.stdout_base64 });
      if (result.stderr_base64)
        listener({ type: "output", stream: "stderr", data: result.stderr_base64 });
      listener({ ...result, type: "stage_finished", stage, run });
    });
  }
  listener({ ...answer, type: "finished" });
}
