import { useId } from "preact/hooks";
import type { PackageSet } from "@executor/client";
import { t } from "../i18n/text";
import { changeProgram } from "../workbench/editing";
import { language, program } from "../workbench/state";

/** Value of a request that wants no packages although the language has a default set. */
const NONE = "none";

/** The set of packages that the program can import. `alone`: the heading above already says what it is. */
export function PackagesPicker({ alone }: { alone: boolean }) {
  const id = useId();
  const sets = packageSets();
  const chosen = program.value?.packages ?? "";
  const standard = sets.find((set) => set.default);
  // A program without a choice has the default set, or else none.
  const shown = chosen === "" ? (standard?.name ?? NONE) : chosen;
  const isListed = shown === NONE || sets.some(({ name }) => name === shown);
  const contents = sets.find(({ name }) => name === shown)?.packages ?? [];
  return (
    <div class="packages">
      <div class="setting">
        <label for={id} class={alone ? "visually-hidden" : ""}>
          {t("packages")}
        </label>
        <select
          id={id}
          value={shown}
          aria-describedby={contents.length > 0 ? `${id}-contents` : undefined}
          onChange={({ currentTarget: { value } }) =>
            changeProgram({ packages: value === (standard?.name ?? NONE) ? "" : value })
          }
        >
          {/* The set of a link that this server does not have: its answer says so. */}
          {!isListed && <option value={shown}>{shown}</option>}
          {sets.map((set) => (
            <option key={set.name} value={set.name}>
              {set.default ? `${set.name} (${t("optionDefault")})` : set.name}
            </option>
          ))}
          <option value={NONE}>{t("noPackages")}</option>
        </select>
      </div>
      {contents.length > 0 && (
        <p class="hint" id={`${id}-contents`}>
          {contents
            .map(({ name, version }) => [name, version].filter(Boolean).join(" "))
            .join(", ")}
        </p>
      )}
    </div>
  );
}

/** Returns the sets of the chosen version of the language. */
export function packageSets(): PackageSet[] {
  const version = program.value?.version ?? "";
  const other = language.value?.versions.find((item) => item.version === version);
  return (other ?? language.value)?.packages ?? [];
}
