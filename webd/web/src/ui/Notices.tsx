import { useEffect } from "preact/hooks";
import { t } from "../i18n/text";
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
      {server.value === "offline" && <p class="notice bad">{t("offline")}</p>}
      {message !== "" && <p class="notice">{message}</p>}
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
