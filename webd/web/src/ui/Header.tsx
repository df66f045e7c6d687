import { useLayoutEffect, useState } from "preact/hooks";
import { t } from "../i18n/text";
import { toFragment } from "../program/share";
import { askForKey, keyWanted } from "../workbench/api-key";
import { downloadProgram } from "../workbench/downloads";
import { startOver } from "../workbench/editing";
import { stop } from "../workbench/execution";
import { outputArea } from "../workbench/layout";
import { runProgram } from "../workbench/run-program";
import { busy, execution, program } from "../workbench/state";
import { AboutDialog } from "./AboutDialog";
import { ExamplesMenu } from "./ExamplesMenu";
import { HistoryDialog } from "./HistoryDialog";
import { Icon } from "./Icon";
import { KeyDialog } from "./KeyDialog";
import { LanguageMenu } from "./LanguageMenu";
import { Menu } from "./Menu";
import { SettingsDialog } from "./SettingsDialog";
import { ShareDialog } from "./ShareDialog";
import { VersionPicker, versionsOffered } from "./VersionPicker";

type DialogName = "share" | "about" | "settings" | "history";

export function Header({ embedded }: { embedded: boolean }) {
  const [dialog, setDialog] = useState<DialogName | null>(null);
  const closeDialog = () => setDialog(null);
  return (
    <header class={versionsOffered.value ? "bar with-version" : "bar"}>
      <h1 class="brand">
        <span class="brand-mark" aria-hidden="true" />
        Executor
      </h1>
      <LanguageMenu />
      <VersionPicker />
      <nav class="tools" aria-label={t("program")}>
        {!embedded && <ExamplesMenu />}
        <button
          type="button"
          class="quiet"
          aria-label={t("share")}
          onClick={() => setDialog("share")}
        >
          <Icon name="share" />
          <span class="label">{t("share")}</span>
        </button>
        {embedded && (
          <a
            class="button quiet"
            href={location.pathname}
            target="_blank"
            rel="noopener"
            onClick={(event) => {
              if (!program.value) return;
              event.preventDefault();
              openAlone();
            }}
          >
            {t("openAlone")}
          </a>
        )}
        <Menu label={t("more")} icon="more">
          {(choose) => (
            <>
              {embedded && (
                <button type="button" onClick={() => choose(openAlone)}>
                  {t("openAlone")}
                </button>
              )}
              <button type="button" onClick={() => choose(() => void downloadProgram())}>
                {t("downloadProgram")}
              </button>
              <button type="button" onClick={() => choose(() => void startOver())}>
                {t("startOver")}
              </button>
              <button type="button" onClick={() => choose(() => setDialog("history"))}>
                {t("history")}
              </button>
              <button type="button" onClick={() => choose(() => setDialog("settings"))}>
                {t("settings")}
              </button>
              <button type="button" onClick={() => choose(() => askForKey())}>
                {t("apiKey")}
              </button>
              <button type="button" onClick={() => choose(() => setDialog("about"))}>
                {t("about")}
              </button>
            </>
          )}
        </Menu>
      </nav>
      <RunButton />
      {dialog === "share" && <ShareDialog onClose={closeDialog} />}
      {dialog === "about" && <AboutDialog onClose={closeDialog} />}
      {keyWanted.value && <KeyDialog />}
      {dialog === "settings" && <SettingsDialog onClose={closeDialog} />}
      {dialog === "history" && <HistoryDialog onClose={closeDialog} />}
    </header>
  );
}

/** Opens the program in a page of its own. */
function openAlone() {
  if (!program.value) return;
  void toFragment(program.value).then((fragment) =>
    window.open(location.pathname + fragment, "_blank", "noopener"),
  );
}

function RunButton() {
  const runs = busy.value;
  useLayoutEffect(() => {
    // The focus never moves from Run to Stop: Enter, meant for the program, would stop it.
    if (runs && document.activeElement === document.body) outputArea().focus();
  }, [runs]);
  if (!runs) {
    return (
      <button
        key="run"
        type="button"
        class="primary run"
        disabled={!program.value}
        title={t("runHint")}
        onClick={() => void runProgram()}
      >
        <Icon name="run" />
        {t("run")}
      </button>
    );
  }
  const stopping = execution.value?.state.stopping ?? false;
  return (
    <button key="stop" type="button" class="primary stop" title={t("stopHint")} onClick={stop}>
      <Icon name="stop" />
      {t(stopping ? "stopping" : "stop")}
    </button>
  );
}
