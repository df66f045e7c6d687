/** The first moments: what the server can run, and which program is opened. */
import { fetchLanguages } from "../api/server";
import type { Language } from "../api/types";
import { draft, lastLanguage } from "../program/drafts";
import { firstProgram } from "../program/examples";
import { fromFragment, isShared } from "../program/share";
import { open } from "./editing";
import { languages, notice, program, server, setAside } from "./state";
import { lookForServer } from "./reach";

/** Opened for somebody who has never been here, where it can be run. */
const FIRST = ["python", "javascript"];

export async function begin(): Promise<void> {
  try {
    languages.value = await fetchLanguages();
    server.value = "there";
  } catch {
    lookForServer(begin);
    return;
  }
  if (!program.value) await openFirst(languages.value);
}

async function openFirst(known: Language[]): Promise<void> {
  const named = (name: string | null) =>
    known.find((one) => one.name === name || (name !== null && one.aliases.includes(name)));
  if (isShared(location.hash)) {
    if (await openShared()) return;
    notice.value = "The link is broken: there is no program in it.";
  }
  const asked = named(new URLSearchParams(location.search).get("lang")?.toLowerCase() ?? null);
  const usual = FIRST.map(named).find((one) => one?.available);
  const chosen = asked ?? named(lastLanguage()) ?? usual ?? known.find((one) => one.available);
  if (chosen) open(draft(chosen.name) ?? (await firstProgram(chosen)));
}

/** The program in the address; the one that was here before can be brought back. */
export async function openShared(): Promise<boolean> {
  const shared = await fromFragment(location.hash);
  if (!shared) return false;
  const own = draft(shared.language);
  setAside.value = own && JSON.stringify(own) !== JSON.stringify(shared) ? own : null;
  open(shared);
  return true;
}
