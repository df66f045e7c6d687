import type { LanguageOption } from "@executor/client";
import { optionText, t } from "../i18n/text";
import type { OptionValue } from "../program/program";
import { changeProgram } from "../workbench/editing";
import { language, program } from "../workbench/state";
import { PackagesPicker, packageSets } from "./PackagesPicker";

/** The options that the language declares, such as the standard of C++, and the package sets that the server has for it. */
export function OptionsPicker() {
  const options = language.value?.options.filter(({ available }) => available) ?? [];
  const current = program.value;
  if (!current) return null;
  const hasPackages = packageSets().length > 0 || current.packages !== "";
  if (options.length === 0 && !hasPackages) return null;
  const chosen = Object.keys(current.options).length + (current.packages === "" ? 0 : 1);
  const change = (name: string, value: OptionValue | undefined) => {
    const others = Object.entries(current.options).filter(([other]) => other !== name);
    const next = value === undefined ? others : [...others, [name, value] as const];
    changeProgram({ options: Object.fromEntries(next) });
  };
  return (
    <details class="options">
      <summary>
        {t(options.length === 0 ? "packages" : "options")}
        {chosen > 0 && <small>{chosen}</small>}
      </summary>
      <div class="option-list">
        {hasPackages && <PackagesPicker alone={options.length === 0} />}
        {options.map((option) => (
          <Option
            key={option.name}
            option={option}
            value={current.options[option.name]}
            onChange={(value) => change(option.name, value)}
          />
        ))}
      </div>
    </details>
  );
}

interface OptionProps {
  option: LanguageOption;
  /** Missing if the default applies. */
  value: OptionValue | undefined;
  onChange: (value: OptionValue | undefined) => void;
}

function Option({ option, value, onChange }: OptionProps) {
  const { type } = option;
  const title = optionText(option.title);
  const help = optionText(option.help);
  const values = option.values.filter(({ available }) => available);
  if (type === "flag") {
    const standard = option.default === true;
    return (
      <label class="check" title={help}>
        <input
          type="checkbox"
          checked={typeof value === "boolean" ? value : standard}
          onChange={({ currentTarget: { checked } }) =>
            onChange(checked === standard ? undefined : checked)
          }
        />
        {title}
      </label>
    );
  }
  if (type === "choice") {
    return (
      <label class="setting" title={help}>
        <span>{title}</span>
        <select
          value={typeof value === "string" ? value : String(option.default)}
          onChange={({ currentTarget }) =>
            onChange(currentTarget.value === option.default ? undefined : currentTarget.value)
          }
        >
          {values.map(({ name }) => (
            <option key={name} value={name}>
              {name === option.default ? `${name} (${t("optionDefault")})` : name}
            </option>
          ))}
        </select>
      </label>
    );
  }
  const set = Array.isArray(value) ? value : [];
  return (
    <fieldset class="option-set" title={help}>
      <legend>{title}</legend>
      {values.map(({ name }) => (
        <label key={name} class="check">
          <input
            type="checkbox"
            checked={set.includes(name)}
            onChange={({ currentTarget: { checked } }) => {
              const next = checked ? [...set, name] : set.filter((other) => other !== name);
              onChange(next.length === 0 ? undefined : next);
            }}
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}
