import { useEffect, useState } from "preact/hooks";
import { fetchPrivacy } from "../api/server";
import type { Limits } from "../api/types";
import { bytes, time } from "../run/quantity";
import { language, languages } from "../workbench/state";
import { Dialog } from "./Dialog";

const KEYS: [string, string][] = [
  ["Ctrl+Enter, ⌘+Enter", "Run"],
  ["Shift+Escape", "Stop; in the terminal: leave it"],
  ["Ctrl+C", "Interrupt, in the output"],
  ["Escape, then Tab", "Leave the editor"],
];

export function AboutDialog({ onClose }: { onClose: () => void }) {
  const [privacy, setPrivacy] = useState("");
  useEffect(
    () => void fetchPrivacy().then(setPrivacy, () => setPrivacy("The server does not answer.")),
    [],
  );
  const chosen = language.value;
  const here = languages.value.filter(({ available }) => available);
  const missing = languages.value.filter(({ available }) => !available);
  return (
    <Dialog title="Limits, versions, privacy, keys" onClose={onClose}>
      {chosen && (
        <section>
          <h3>What a program in {chosen.title} may use</h3>
          <LimitsTable run={chosen.limits} compile={chosen.compile_limits} />
        </section>
      )}
      <section>
        <h3>Versions</h3>
        <dl class="versions">
          {here.map(({ name, title, version }) => (
            <div key={name}>
              <dt>{title}</dt>
              <dd>{version}</dd>
            </div>
          ))}
        </dl>
        {missing.length > 0 && (
          <details class="missing">
            <summary>Not on this server: {missing.map(({ title }) => title).join(", ")}</summary>
            <dl class="versions">
              {missing.map(({ name, title, reason }) => (
                <div key={name}>
                  <dt>{title}</dt>
                  <dd>{reason}</dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </section>
      <section>
        <h3>Privacy</h3>
        <p>{privacy}</p>
      </section>
      <section>
        <h3>Keys</h3>
        <dl class="keys">
          {KEYS.map(([keys, what]) => (
            <div key={keys}>
              <dt>{keys}</dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
      </section>
    </Dialog>
  );
}

const ROWS: [string, (limits: Limits) => string][] = [
  ["Processor time", (limits) => time(limits.cpu_ms)],
  ["Time on the clock", (limits) => time(limits.wall_ms)],
  ["Memory", (limits) => bytes(limits.memory_bytes)],
  ["Output, of each stream", (limits) => bytes(limits.output_bytes)],
  ["Processes", (limits) => String(limits.processes)],
  ["Files, together", (limits) => bytes(limits.disk_bytes)],
];

function LimitsTable({ run, compile }: { run: Limits; compile: Limits | null }) {
  return (
    <table class="limits">
      <thead>
        <tr>
          <td />
          <th scope="col">Run</th>
          {compile && <th scope="col">Compile</th>}
        </tr>
      </thead>
      <tbody>
        {ROWS.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value(run)}</td>
            {compile && <td>{value(compile)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
