import { useRef } from "preact/hooks";
import { endInput, sendSignal, typeLine } from "../workbench/running";

/** A line for the program that is waiting for one. */
export function LiveInput() {
  const field = useRef<HTMLInputElement>(null);
  return (
    <form
      class="live-input"
      onSubmit={(event) => {
        event.preventDefault();
        if (!field.current) return;
        typeLine(field.current.value);
        field.current.value = "";
      }}
    >
      <input
        ref={field}
        aria-label="A line for the program"
        placeholder="Type for the program, Enter sends"
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
      <button
        type="button"
        class="quiet"
        title="Ctrl+D: there is no more to read"
        onClick={endInput}
      >
        End of input
      </button>
    </form>
  );
}
