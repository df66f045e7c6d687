import { useState } from "preact/hooks";
import { locale, t } from "../i18n/text";
import { clearHistory, loadHistory } from "../program/history";
import { openExample } from "../workbench/editing";
import { languages } from "../workbench/state";
import { Dialog } from "./Dialog";

/** The programs that were run last. */
export function HistoryDialog({ onClose }: { onClose: () => void }) {
  const [runs, setRuns] = useState(loadHistory);
  const title = (name: string) =>
    languages.value.find((language) => language.name === name)?.title ?? name;
  return (
    <Dialog title={t("history")} onClose={onClose}>
      {runs.length === 0 && <p class="hint">{t("historyEmpty")}</p>}
      <ol class="history">
        {runs.map(({ time, verdict, program }) => (
          <li key={time}>
            <div>
              <strong>{title(program.language)}</strong> <span>{verdict}</span>
              <small>{new Date(time).toLocaleString(locale.value)}</small>
              <code>{firstLine(program.files[0]?.content ?? "")}</code>
            </div>
            <button
              type="button"
              onClick={() => {
                openExample(program);
                onClose();
              }}
            >
              {t("historyOpen")}
            </button>
          </li>
        ))}
      </ol>
      {runs.length > 0 && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            clearHistory();
            setRuns([]);
          }}
        >
          {t("historyClear")}
        </button>
      )}
    </Dialog>
  );
}

/** Returns the first line that says something. */
function firstLine(code: string): string {
  const line = code.split("\n").find((text) => /\w/.test(text)) ?? "";
  return line.trim().slice(0, 80);
}
