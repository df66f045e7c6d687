import { useEffect, useState } from "preact/hooks";
import { fetchPrivacy } from "../api/server";
import type { Limits } from "@executor/client";
import { formatBytes, formatDuration } from "../execution/format";
import { t, type Key } from "../i18n/text";
import { versionName } from "../program/languages";
import { language, languages } from "../workbench/state";
import { Dialog } from "./Dialog";

const shortcuts = (): [string, string][] => [
  [t("runHint"), t("shortcutRun")],
  [t("stopHint"), t("shortcutStop")],
  [t("keysFormat"), t("shortcutFormat")],
  [t("keysInterrupt"), t("shortcutInterrupt")],
  [t("keysLeave"), t("shortcutLeave")],
];

export function AboutDialog({ onClose }: { onClose: () => void }) {
  const [privacy, setPrivacy] = useState("");
  useEffect(() => void fetchPrivacy().then(setPrivacy, () => setPrivacy(t("serverSilent"))), []);
  const current = language.value;
  const installed = languages.value.filter(({ available }) => available);
  const missing = languages.value.filter(({ available }) => !available);
  return (
    <Dialog title={t("about")} onClose={onClose}>
      {current && (
        <section>
          <h3>{t("limitsFor", { language: current.title })}</h3>
          <LimitsTable run={current.limits} compile={current.compile_limits} />
        </section>
      )}
      <section>
        <h3>{t("versions")}</h3>
        <dl class="versions">
          {installed.map((item) => (
            <div key={item.name}>
              <dt>{item.title}</dt>
              <dd>{item.versions.map((version) => versionName(item, version)).join(", ")}</dd>
            </div>
          ))}
        </dl>
        {missing.length > 0 && (
          <details class="missing">
            <summary>
              {t("notInstalledList", { languages: missing.map(({ title }) => title).join(", ") })}
            </summary>
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
        <h3>{t("privacy")}</h3>
        <p>{privacy}</p>
      </section>
      <section>
        <h3>{t("shortcuts")}</h3>
        <dl class="keys">
          {shortcuts().map(([keys, action]) => (
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

const ROWS: [Key, (limits: Limits) => string][] = [
  ["limitCpuTime", (limits) => formatDuration(limits.cpu_ms)],
  ["limitWallTime", (limits) => formatDuration(limits.wall_ms)],
  ["memory", (limits) => formatBytes(limits.memory_bytes)],
  ["limitOutputPerStream", (limits) => formatBytes(limits.output_bytes)],
  ["limitProcesses", (limits) => String(limits.processes)],
  ["limitDisk", (limits) => formatBytes(limits.disk_bytes)],
  ["limitInput", (limits) => formatDuration(limits.input_idle_ms)],
];

function LimitsTable({ run, compile }: { run: Limits; compile: Limits | null }) {
  return (
    <table class="limits">
      <thead>
        <tr>
          <td />
          <th scope="col">{t("run")}</th>
          {compile && <th scope="col">{t("compile")}</th>}
        </tr>
      </thead>
      <tbody>
        {ROWS.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{t(name)}</th>
            <td>{value(run)}</td>
            {compile && <td>{value(compile)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
