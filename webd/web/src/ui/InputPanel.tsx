import { t } from "../i18n/text";
import { changeProgram } from "../workbench/editing";
import { program } from "../workbench/state";
import { OptionsPicker } from "./OptionsPicker";

/** Input and arguments of the program, and whether it runs in a terminal. */
export function InputPanel() {
  const current = program.value;
  return (
    <div class="input-panel">
      <label class="field grow">
        <span>
          {t("input")} <small>{t(current?.terminal ? "inputHintTerminal" : "inputHintLive")}</small>
        </span>
        <textarea
          rows={3}
          spellcheck={false}
          value={current?.stdin ?? ""}
          onInput={(event) => changeProgram({ stdin: event.currentTarget.value })}
        />
      </label>
      <div class="field-column">
        <label class="field">
          <span>{t("arguments")}</span>
          <input
            spellcheck={false}
            value={current?.args ?? ""}
            onInput={(event) => changeProgram({ args: event.currentTarget.value })}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={current?.terminal ?? false}
            onChange={(event) => changeProgram({ terminal: event.currentTarget.checked })}
          />
          {t("runInTerminal")}
        </label>
        <OptionsPicker />
      </div>
    </div>
  );
}
