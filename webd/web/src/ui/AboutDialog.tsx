import { useEffect, useState } from "preact/hooks";
import { fetchPrivacy } from "../api/server";
import type { Limits } from "../api/messages";
import { formatBytes, formatDuration } from "../execution/format";
import { language, languages } from "../workbench/state";
import { Dialog } from "./Dialog";

const SHORTCUTS: [string, string][] = [
  ["Ctrl+Enter, ⌘+Enter", "Run the program"],
  ["Shift+Escape", "Stop the program and leave the terminal"],
  ["Ctrl+C in the output", "Interrupt the program"],
  ["Escape, then Tab", "Leave the editor"],
];

export function AboutDialog({ onClose }: { onClose: () => void }) {
  const [privacy, setPrivacy] = useState("");
  useEffect(
    () => void fetchPrivacy().then(setPrivacy, () => setPrivacy("The server is not responding.")),
    [],
  );
  const current = language.value;
  const installed = languages.value.filter(({ available }) => available);
  const missing = languages.value.filter(({ available }) => !available);
  return (
    <Dialog title="Limits, versions, privacy, shortcuts" onClose={onClose}>
      {current && (
        <section>
          <h3>Limits for {current.title}</h3>
          <LimitsTable run={current.limits} compile={current.compile_limits} />
        </section>
      )}
      <section>
        <h3>Versions</h3>
        <dl class="versions">
          {installed.map(({ name, title, version }) => (
            <div key={name}>
              <dt>{title}</dt>
              <dd>{version}</dd>
            </div>
          ))}
        </dl>
        {missing.length > 0 && (
          <details class="missing">
            <summary>Not installed: {missing.map(({ title }) => title).join(", ")}</summary>
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
        <h3>Keyboard shortcuts</h3>
        <dl class="keys">
          {SHORTCUTS.map(([keys, action]) => (
            <div key={keys}>
              <dt>{keys}</dt>
              <dd>{action}</dd>
            </div>
          ))}
        </dl>
      </section>
    </Dialog>
  );
}

const ROWS: [string, (limits: Limits) => string][] = [
  ["CPU time", (limits) => formatDuration(limits.cpu_ms)],
  ["Wall-clock time", (limits) => formatDuration(limits.wall_ms)],
  ["Memory", (limits) => formatBytes(limits.memory_bytes)],
  ["Output per stream", (limits) => formatBytes(limits.output_bytes)],
  ["Processes", (limits) => String(limits.processes)],
  ["Disk space", (limits) => formatBytes(limits.disk_bytes)],
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
