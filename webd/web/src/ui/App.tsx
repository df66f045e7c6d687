import { useEffect } from "preact/hooks";
import { t } from "../i18n/text";
import { uploadFiles } from "../workbench/editing";
import { EMBEDDED } from "../workbench/embedded";
import { formatFile } from "../workbench/format-code";
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
import { trackVisibleHeight } from "./visible-height";

export function App() {
  useEffect(() => {
    document.addEventListener("keydown", shortcuts);
    trackVisibleHeight();
    return () => document.removeEventListener("keydown", shortcuts);
  }, []);
  return (
    <div class={EMBEDDED ? "app embedded" : "app"}>
      <Header embedded={EMBEDDED} />
      <Notices />
      <main class="panes" style={{ "--split": `${split.value}%` }}>
        <section
          class="source"
          aria-label={t("program")}
          onDragOver={(event) => {
            if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
          }}
          onDrop={(event) => {
            const files = event.dataTransfer?.files;
            if (!files || files.length === 0) return;
            event.preventDefault();
            void uploadFiles([...files]);
          }}
        >
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
  } else if (event.code === "KeyF" && event.altKey && event.shiftKey && !event.ctrlKey) {
    event.preventDefault();
    void formatFile();
  }
}
