/** A server that does not answer is looked for until it does. */
import { isReady } from "../api/server";
import { announce } from "./announce";
import { notice, server } from "./state";

const FIRST_MS = 1000;
const LONGEST_MS = 8000;

let looking = false;

export function lookForServer(then: () => unknown = () => undefined): void {
  server.value = "gone";
  announce("The server does not answer. Looking for it.");
  if (looking) return;
  looking = true;
  look(FIRST_MS, then);
}

function look(pause: number, then: () => unknown): void {
  setTimeout(() => {
    void isReady().then((ready) => {
      if (!ready) {
        look(Math.min(pause * 1.5, LONGEST_MS), then);
        return;
      }
      looking = false;
      server.value = "there";
      notice.value = "The server is back.";
      announce(notice.value);
      then();
    });
  }, pause);
}
