import { useState } from "preact/hooks";
import { askForKey, keyWanted } from "../workbench/api-key";
import { downloadProgram } from "../workbench/downloads";
import { startOver, switchLanguage } from "../workbench/editing";
import { stop } from "../workbench/execution";
import { runProgram } from "../workbench/run-program";
import { THEMES, setTheme, theme, type Theme } from "../workbench/settings";
import { busy, execution, languages, program } from "../workbench/state";
import { AboutDialog } from "./AboutDialog";
import { ExamplesMenu } from "./ExamplesMenu";
import { Icon } from "./Icon";
import { KeyDialog } from "./KeyDialog";
import { Menu } from "./Menu";
import { ShareDialog } from "./ShareDialog";

const THEME_NAMES: Record<Theme, string> = {
  system: "System",
  light: "Light",
  dark: "Dark",
  contrast: "High contrast",
};

export function Header({ embedded }: { embedded: boolean }) {
  const [dialog, setDialog] = useState<"share" | "about" | null>(null);
  const closeDialog = () => setDialog(null);
  return (
    <header class="bar">
      <h1 class="brand">
        <span class="brand-mark" aria-hidden="true" />
        Executor
      </h1>
      <LanguagePicker />
      <nav class="tools" aria-label="Program">
        {!embedded && <ExamplesMenu />}
        <button type="button" class="quiet" aria-label="Share" onClick={() => setDialog("share")}>
          <Icon name="share" />
          <span class="label">Share</span>
        </button>
        <Menu label="More" icon="more">
          {(choose) => (
            <>
              <button type="button" onClick={() => choose(downloadProgram)}>
                Download program
              </button>
              <button type="button" onClick={() => choose(() => void startOver())}>
                Start over
              </button>
              <button type="button" onClick={() => choose(() => askForKey())}>
                API key
              </button>
              <button type="button" onClick={() => choose(() => setDialog("about"))}>
                Limits, versions, privacy, shortcuts
              </button>
              <ThemeSwitch />
            </>
          )}
        </Menu>
      </nav>
      <RunButton />
      {dialog === "share" && <ShareDialog onClose={closeDialog} />}
      {dialog === "about" && <AboutDialog onClose={closeDialog} />}
      {keyWanted.value && <KeyDialog />}
    </header>
  );
}

function LanguagePicker() {
  return (
    <label class="picker">
      <span class="visually-hidden">Language</span>
      <select
        value={program.value?.language ?? ""}
        disabled={busy.value}
        onChange={(event) => void switchLanguage(event.currentTarget.value)}
      >
        {languages.value.map(({ name, title, version, available }) => (
          <option key={name} value={name} disabled={!available}>
            {available ? `${title} ${version ?? ""}` : `${title} – not installed`}
          </option>
        ))}
      </select>
    </label>
  );
}

function RunButton() {
  if (!busy.value) {
    return (
      <button
        type="button"
        class="primary run"
        disabled={!program.value}
        title="Ctrl+Enter or ⌘+Enter"
        onClick={() => void runProgram()}
      >
        <Icon name="run" />
        Run
      </button>
    );
  }
  const stopping = execution.value?.state.stopping ?? false;
  return (
    <button type="button" class="primary stop" title="Shift+Escape" onClick={stop}>
      <Icon name="stop" />
      {stopping ? "Stopping…" : "Stop"}
    </button>
  );
}

function ThemeSwitch() {
  return (
    <fieldset class="choice">
      <legend>Theme</legend>
      {THEMES.map((name) => (
        <label key={name}>
          <input
            type="radio"
            name="theme"
            checked={theme.value === name}
            onChange={() => setTheme(name)}
          />
          {THEME_NAMES[name]}
        </label>
      ))}
    </fieldset>
  );
}
