import { computed } from "@preact/signals";
import { t } from "../i18n/text";
import { versionName } from "../program/languages";
import { changeProgram } from "../workbench/editing";
import { busy, language, program } from "../workbench/state";

/** Whether there is a choice of versions. */
export const versionsOffered = computed(
  () => (language.value?.versions.length ?? 0) > 1 || (program.value?.version ?? "") !== "",
);

/** The version of the language, if the server has several. */
export function VersionPicker() {
  const current = language.value;
  const chosen = program.value?.version ?? "";
  if (!current || !versionsOffered.value) return null;
  const isListed = chosen === "" || current.versions.some(({ version }) => version === chosen);
  const standard = current.versions.find((version) => version.default)?.version ?? "";
  return (
    <select
      class="version-picker"
      aria-label={t("version")}
      title={t("version")}
      disabled={busy.value}
      value={chosen === "" ? standard : chosen}
      onChange={({ currentTarget: { value } }) =>
        changeProgram({ version: value === standard ? "" : value })
      }
    >
      {/* The range of a link, or a version that the server no longer has: its answer says so. */}
      {!isListed && <option value={chosen}>{chosen}</option>}
      {current.versions.map((version) => (
        <option key={version.version} value={version.version}>
          {versionName(current, version)}
        </option>
      ))}
    </select>
  );
}
