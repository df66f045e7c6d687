import { useState } from "preact/hooks";
import type { Language } from "@executor/client";
import { t } from "../i18n/text";
import { search } from "../program/languages";
import { switchLanguage } from "../workbench/editing";
import { busy, language, languages } from "../workbench/state";
import { Menu } from "./Menu";
import { versionsOffered } from "./VersionPicker";

/** The language of the program, and a list of all that can be searched. */
export function LanguageMenu() {
  const current = language.value;
  // With several versions, VersionPicker shows the one that is chosen.
  const version = versionsOffered.value ? undefined : current?.version;
  const title = [current?.title, version].filter(Boolean).join(" ");
  return (
    <Menu label={t("language")} text={title} disabled={busy.value} class="picker">
      {(choose) => <LanguageList choose={choose} />}
    </Menu>
  );
}

function LanguageList({ choose }: { choose: (action: () => void) => void }) {
  const [query, setQuery] = useState("");
  // Languages that are not installed are found by their name only: there may be many.
  const listed = languages.value.filter(({ available }) => available || query.trim() !== "");
  const found = search(listed, query);
  const pick = (picked: Language) => choose(() => void switchLanguage(picked.name));
  return (
    <>
      <input
        type="search"
        class="language-search"
        aria-label={t("searchLanguages")}
        placeholder={t("searchLanguages")}
        spellcheck={false}
        autocomplete="off"
        value={query}
        ref={(field) => {
          // On a phone the keyboard would cover the list.
          if (field && query === "" && !matchMedia("(pointer: coarse)").matches) field.focus();
        }}
        onInput={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={(event) => {
          const first = found.find(({ available }) => available);
          if (event.key === "Enter" && first) pick(first);
        }}
      />
      {found.length === 0 && <p class="hint">{t("noLanguageFound")}</p>}
      <ul class="languages">
        {found.map((item) => (
          <li key={item.name}>
            <button
              type="button"
              disabled={!item.available}
              aria-current={item === language.value}
              data-language={item.name}
              onClick={() => pick(item)}
            >
              {item.title} <small>{item.available ? item.version : t("notInstalled")}</small>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
