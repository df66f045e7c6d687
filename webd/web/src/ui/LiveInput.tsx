import { useRef } from "preact/hooks";
import { endInput, sendLine, sendSignal } from "../workbench/run-program";

/** Sends lines of input to the running program. */
export function LiveInput() {
  const field = useRef<HTMLInputElement>(null);
  return (
    <form
      class="live-input"
      onSubmit={(event) => {
        event.preventDefault();
        if (!field.current) return;
        sendLine(field.current.value);
        field.current.value = "";
      }}
    >
      <input
        ref={field}
        aria-label="Input line"
        placeholder="Type input and press Enter"
        spellcheck={false}
        autocomplete="off"
        onKeyDown={(event) => {
          if (!event.ctrlKey || event.currentTarget.value !== "") return;
          if (event.key.toLowerCase() === "d") {
            event.preventDefault();
            endInput();
          }
          if (event.key.toLowerCase() === "c") sendSignal("INT");
        }}
      />
      <button type="submit">Send</button>
      <button type="button" class="quiet" title="Close stdin (Ctrl+D)" onClick={endInput}>
        End of input
      </button>
    </form>
  );
}
