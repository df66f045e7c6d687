import { useEffect } from "preact/hooks";
import { bringBack } from "../workbench/editing";
import { notice, server, setAside } from "../workbench/state";

/** A word about what was just done goes away by itself. */
const SHOWN_MS = 6000;

export function Notices() {
  const words = notice.value;
  useEffect(() => {
    if (words === "") return;
    const timer = setTimeout(() => (notice.value = ""), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [words]);
  return (
    <div class="notices">
      {server.value === "gone" && (
        <p class="notice bad">
          The server does not answer. Your program is safe in this browser; looking for the server…
        </p>
      )}
      {words !== "" && <p class="notice">{words}</p>}
      {setAside.value && (
        <p class="notice">
          This program came with the link.{" "}
          <button type="button" class="link" onClick={bringBack}>
            Bring mine back
          </button>{" "}
          <button type="button" class="link" onClick={() => (setAside.value = null)}>
            Keep this one
          </button>
        </p>
      )}
    </div>
  );
}
