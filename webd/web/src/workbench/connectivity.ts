/** Polls a server that does not respond until it is ready again. */
import { isReady } from "../api/server";
import { t } from "../i18n/text";
import { postStatus } from "./live-region";
import { notice, server } from "./state";

const FIRST_INTERVAL_MS = 1000;
const MAX_INTERVAL_MS = 8000;

let polling = false;

export function waitForServer(onReady: () => unknown = () => undefined): void {
  server.value = "offline";
  postStatus(t("reconnecting"));
  if (polling) return;
  polling = true;
  poll(FIRST_INTERVAL_MS, onReady);
}

function poll(interval: number, onReady: () => unknown): void {
  setTimeout(() => {
    void isReady().then((ready) => {
      if (!ready) {
        poll(Math.min(interval * 1.5, MAX_INTERVAL_MS), onReady);
        return;
      }
      polling = false;
      server.value = "online";
      notice.value = t("reconnected");
      postStatus(notice.value);
      onReady();
    });
  }, interval);
}
