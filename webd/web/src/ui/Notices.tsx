import { useEffect } from "preact/hooks";
import { restoreProgram } from "../workbench/editing";
import { notice, replacedProgram, server } from "../workbench/state";

/** Time after which a notice disappears. */
const NOTICE_MS = 6000;

export function Notices() {
  const message = notice.value;
  useEffect(() => {
    if (message === "") return;
    const timer = setTimeout(() => (notice.value = ""), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [message]);
  return (
    <div class="notices">
      {server.value === "offline" && (
        <p class="notice bad">
          The server is not responding. Your program is saved in this browser. Reconnecting…
        </p>
      )}
      {message !== "" && <p class="notice">{message}</p>}
      {replacedProgram.value && (
        <p class="notice">
          This program was opened from a link.{" "}
          <button type="button" class="link" onClick={restoreProgram}>
            Restore my program
          </button>{" "}
          <button type="button" class="link" onClick={() => (replacedProgram.value = null)}>
            Keep this program
          </button>
        </p>
      )}
    </div>
  );
}
