import { useEffect, useRef } from "preact/hooks";
import { bytes } from "../run/quantity";
import { downloadOutput } from "../workbench/downloads";
import { busy, caseRows, outputSize, program, resultTab } from "../workbench/state";
import { CasesPane } from "./CasesPane";
import { Icon } from "./Icon";
import { OutputPane } from "./OutputPane";
import { useVisibility } from "./visibility";

/** Where the result is below the program (frame.css), and out of sight when the program starts. */
const STACKED = "(max-width: 860px)";

/** What came of it: the output of the program, and the verdicts on its cases. */
export function ResultPane() {
  const pane = useRef<HTMLElement>(null);
  const output = useVisibility<HTMLDivElement>(() => resultTab.value === "output");
  const cases = useVisibility<HTMLDivElement>(() => resultTab.value === "cases");
  const runs = busy.value;
  useEffect(() => {
    if (runs && matchMedia(STACKED).matches) pane.current?.scrollIntoView();
  }, [runs]);
  return (
    <section ref={pane} class="result" aria-label="Result" aria-busy={busy.value}>
      <div class="tabs" role="group" aria-label="Result">
        <Tab name="output" label="Output" />
        <Tab name="cases" label={`Tests${counts()}`} />
        <DownloadButton />
      </div>
      {/* Both stay: output goes on while the other is looked at. */}
      <div class="result-body" ref={output}>
        <OutputPane />
      </div>
      <div class="result-body" ref={cases}>
        <CasesPane />
      </div>
    </section>
  );
}

function counts(): string {
  const all = program.value?.cases.length ?? 0;
  if (all === 0) return "";
  const passed = caseRows.value.filter(
    (row) => row !== null && row !== "running" && row.verdict.tone === "good",
  );
  return passed.length === 0 ? ` ${all}` : ` ${passed.length}/${all}`;
}

function Tab({ name, label }: { name: "output" | "cases"; label: string }) {
  const active = resultTab.value === name;
  return (
    <span class={active ? "tab active" : "tab"}>
      <button
        type="button"
        class="tab-name"
        aria-pressed={active}
        onClick={() => (resultTab.value = name)}
      >
        {label}
      </button>
    </span>
  );
}

function DownloadButton() {
  if (outputSize.value === 0 || resultTab.value !== "output") return null;
  const size = bytes(outputSize.value);
  return (
    <button
      type="button"
      class="quiet small aside"
      title={`Download the output, ${size}`}
      aria-label={`Download the output, ${size}`}
      onClick={() => downloadOutput()}
    >
      <Icon name="download" />
      {size}
    </button>
  );
}
