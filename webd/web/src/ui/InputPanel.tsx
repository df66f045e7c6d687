import { changeProgram } from "../workbench/editing";
import { program } from "../workbench/state";

/** Input and arguments of the program, and whether it runs in a terminal. */
export function InputPanel() {
  const current = program.value;
  return (
    <div class="input-panel">
      <label class="field grow">
        <span>
          Input{" "}
          <small>
            {current?.terminal ? "sent to the terminal" : "if empty, type while the program runs"}
          </small>
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
          <span>Arguments</span>
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
          Run in a terminal
        </label>
      </div>
    </div>
  );
}
