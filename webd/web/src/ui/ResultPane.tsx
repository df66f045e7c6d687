import { useEffect, useRef } from "preact/hooks";
import { formatBytes } from "../execution/format";
import { t } from "../i18n/text";
import { EMBEDDED } from "../workbench/embedded";
import { downloadOutput } from "../workbench/downloads";
import { busy, outputSize, program, resultTab, testResults } from "../workbench/state";
import { Icon } from "./Icon";
import { OutputPane } from "./OutputPane";
import { TestsPane } from "./TestsPane";
import { useVisibility } from "./visibility";

/** Screens on which the result is below the program, and out of sight when the program starts; see frame.css. */
const STACKED = "(max-width: 860px)";

/** Output and tests, each in its own tab. */
export function ResultPane() {
  const pane = useRef<HTMLElement>(null);
  const output = useVisibility<HTMLDivElement>(() => resultTab.value === "output");
  const tests = useVisibility<HTMLDivElement>(() => resultTab.value === "tests");
  const runs = busy.value;
  useEffect(() => {
    if (runs && !EMBEDDED && matchMedia(STACKED).matches) pane.current?.scrollIntoView();
  }, [runs]);
  return (
    <section ref={pane} class="result" aria-label={t("result")} aria-busy={busy.value}>
      <div class="tabs" role="group" aria-label={t("result")}>
        <Tab name="output" label={t("output")} />
        <Tab name="tests" label={t("tests") + testCounts()} />
        <DownloadButton />
      </div>
      {/* Both stay rendered: output continues to arrive while the other tab is open. */}
      <div class="result-body" ref={output}>
        <OutputPane />
      </div>
      <div class="result-body" ref={tests}>
        <TestsPane />
      </div>
    </section>
  );
}

function testCounts(): string {
  const all = program.value?.tests.length ?? 0;
  if (all === 0) return "";
  const passed = testResults.value.filter(
    (result) => result !== null && result !== "running" && result.verdict.tone === "good",
  );
  return passed.length === 0 ? ` ${all}` : ` ${passed.length}/${all}`;
}

function Tab({ name, label }: { name: "output" | "tests"; label: string }) {
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
  const label = t("downloadOutput", { size: formatBytes(outputSize.value) });
  return (
    <button
      type="button"
      class="quiet small aside"
      title={label}
      aria-label={label}
      onClick={() => downloadOutput()}
    >
      <Icon name="download" />
      {formatBytes(outputSize.value)}
    </button>
  );
}
