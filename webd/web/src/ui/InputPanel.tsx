import { change } from "../workbench/editing";
import { program } from "../workbench/state";

/** What the program gets: input, arguments, and whether it has a terminal. */
export function InputPanel() {
  const now = program.value;
  return (
    <div class="input-panel">
      <label class="field grow">
        <span>
          Input{" "}
          <small>{now?.terminal ? "typed into the terminal" : "empty: type while it runs"}</small>
        </span>
        <textarea
          rows={3}
          spellcheck={false}
          value={now?.stdin ?? ""}
          onInput={(event) => change({ stdin: event.currentTarget.value })}
        />
      </label>
      <div class="field-column">
        <label class="field">
          <span>Arguments</span>
          <input
            spellcheck={false}
            value={now?.args ?? ""}
            onInput={(event) => change({ args: event.currentTarget.value })}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={now?.terminal ?? false}
            onChange={(event) => change({ terminal: event.currentTarget.checked })}
          />
          Run in a terminal
        </label>
      </div>
    </div>
  );
}
