import { useEffect } from "preact/hooks";
import { stop } from "../workbench/execution";
import { liveRegionText } from "../workbench/live-region";
import { runProgram } from "../workbench/run-program";
import { split } from "../workbench/settings";
import { EditorPane } from "./EditorPane";
import { FileTabs } from "./FileTabs";
import { Footer } from "./Footer";
import { Header } from "./Header";
import { InputPanel } from "./InputPanel";
import { Notices } from "./Notices";
import { ResultPane } from "./ResultPane";
import { Splitter } from "./Splitter";

const EMBEDDED = new URLSearchParams(location.search).get("embed") === "1";

export function App() {
  useEffect(() => {
    document.addEventListener("keydown", shortcuts);
    return () => document.removeEventListener("keydown", shortcuts);
  }, []);
  return (
    <div class={EMBEDDED ? "app embedded" : "app"}>
      <Header embedded={EMBEDDED} />
      <Notices />
      <main class="panes" style={{ "--split": `${split.value}%` }}>
        <section class="source" aria-label="Program">
          <FileTabs />
          <EditorPane />
          <InputPanel />
        </section>
        <Splitter />
        <ResultPane />
      </main>
      {!EMBEDDED && <Footer />}
      <div class="visually-hidden" role="status" aria-live="polite">
        {liveRegionText}
      </div>
    </div>
  );
}

/** Shortcuts of the whole page. The editor and the terminal handle their keys first. */
function shortcuts(event: KeyboardEvent) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
    event.preventDefault();
    void runProgram();
  } else if (event.key === "Escape" && event.shiftKey) {
    stop();
  }
}
