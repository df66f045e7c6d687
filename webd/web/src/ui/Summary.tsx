import type { Usage } from "../api/types";
import { bytes, time } from "../run/quantity";
import type { RunState } from "../run/state";
import { verdict, type Verdict } from "../run/verdict";
import { runProgram, stop } from "../workbench/running";
import { tryCases } from "../workbench/trying";
import { caseRows, retryIn, running } from "../workbench/state";
import { Icon } from "./Icon";

/** How it ended, in words and figures. */
export function Summary() {
  const now = running.value;
  if (!now?.state.ending) return null;
  const again = now.what === "cases" ? tryCases : runProgram;
  const last = now.state.stages.at(-1);
  const tried = now.what === "cases" && now.state.ending.how === "finished" && last?.kind === "run";
  const { tone, title, detail } = tried ? passed() : words(now.state);
  return (
    <div class={`summary ${tone}`}>
      <p class="verdict">
        <Icon name={tone} />
        <strong>{title}</strong>
        {detail !== "" && <span>{detail}</span>}
      </p>
      {last?.result && !tried && (
        <Figures usage={last.result.usage} truncated={last.result.truncated} />
      )}
      {retryIn.value !== null ? (
        <p class="again">
          Trying again in {retryIn.value} s.{" "}
          <button type="button" class="link" onClick={() => void again()}>
            Try now
          </button>{" "}
          <button type="button" class="link" onClick={stop}>
            Do not
          </button>
        </p>
      ) : (
        now.state.ending.how !== "finished" && (
          <p class="again">
            <button type="button" class="link" onClick={() => void again()}>
              Run it again
            </button>
          </p>
        )
      )}
    </div>
  );
}

/** Of cases that were all tried, how many did what was expected. */
function passed(): Verdict {
  const rows = caseRows.value.filter((row) => row !== null && row !== "running");
  const good = rows.filter((row) => row.verdict.tone === "good").length;
  const tone = good === rows.length ? "good" : "bad";
  return { tone, title: `${good} of ${rows.length} passed`, detail: "" };
}

function words({ ending, stages }: RunState): Verdict {
  switch (ending?.how) {
    case "refused":
      return { tone: "warning", title: refusal(ending.error.code), detail: ending.error.error };
    case "lost":
      return {
        tone: "bad",
        title: "The connection to the server broke",
        detail: "the server ends programs that nobody watches any more",
      };
    case "unreachable":
      return { tone: "bad", title: "The server does not answer", detail: "nothing was run" };
    case "stopped":
      return { tone: "neutral", title: "Stopped by you", detail: "" };
    default: {
      const last = stages.at(-1);
      if (last?.result) return verdict(last.kind, last.result);
      return { tone: "neutral", title: "Stopped by you", detail: "before it began" };
    }
  }
}

function refusal(code: string): string {
  if (code === "busy" || code === "overloaded") return "The server is full";
  if (code === "unavailable" || code === "forbidden") return "The server can not run programs now";
  if (code === "failed") return "The server failed";
  return "The server refused this";
}

function Figures({ usage, truncated }: { usage: Usage; truncated: boolean }) {
  return (
    <dl class="figures">
      <div>
        <dt>Clock</dt>
        <dd>{time(usage.wall_ms)}</dd>
      </div>
      <div>
        <dt>Processor</dt>
        <dd>{time(usage.cpu_ms)}</dd>
      </div>
      {usage.memory_bytes > 0 && (
        <div>
          <dt>Memory</dt>
          <dd>{bytes(usage.memory_bytes)}</dd>
        </div>
      )}
      {truncated && <div class="cut">Output was cut</div>}
    </dl>
  );
}
