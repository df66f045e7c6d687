import { useEffect } from "preact/hooks";
import { t } from "../i18n/text";
import { restoreProgram } from "../workbench/editing";
import { notice, program, replacedProgram, server } from "../workbench/state";
import { Icon } from "./Icon";

/** Time after which a notice disappears, and what each of its characters adds to that. */
const NOTICE_MS = 6000;
const CHARACTER_MS = 50;

export function Notices() {
  const message = notice.value;
  // The time begins when there is a program to look at: on a slow connection, that may take longer than the notice lasts.
  const ready = program.value !== null;
  useEffect(() => {
    if (message === "" || !ready) return;
    const time = NOTICE_MS + CHARACTER_MS * message.length;
    const timer = setTimeout(() => (notice.value = ""), time);
    return () => clearTimeout(timer);
  }, [message, ready]);
  return (
    <div class="notices">
      {server.value === "offline" && <p class="notice bad">{t("offline")}</p>}
      {message !== "" && (
        <div class="notice">
          <p>{message}</p>
          <button
            type="button"
            class="quiet small"
            aria-label={t("close")}
            onClick={() => (notice.value = "")}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
      {replacedProgram.value && (
        <p class="notice">
          {t("openedFromLink")}{" "}
          <button type="button" class="link" onClick={restoreProgram}>
            {t("restoreMine")}
          </button>{" "}
          <button type="button" class="link" onClick={() => (replacedProgram.value = null)}>
            {t("keepThis")}
          </button>
        </p>
      )}
    </div>
  );
}
