import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { LOCALES, locale, t, type Key, type Locale } from "../i18n/text";
import {
  FONT_SIZES,
  LAYOUTS,
  THEMES,
  editorSettings,
  layout,
  setEditorSettings,
  setLayout,
  setLocale,
  setTheme,
  theme,
  type Layout,
  type Theme,
} from "../workbench/settings";
import { Dialog } from "./Dialog";

const THEME_NAMES: Record<Theme, Key> = {
  system: "themeSystem",
  light: "themeLight",
  dark: "themeDark",
  contrast: "themeContrast",
};
const LAYOUT_NAMES: Record<Layout, Key> = {
  columns: "layoutColumns",
  rows: "layoutRows",
};

/** Choices that this browser stores. */
export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { fontSize, wrap, completion, vim } = editorSettings.value;
  return (
    <Dialog title={t("settings")} onClose={onClose}>
      <section class="settings">
        <h3>{t("appearance")}</h3>
        <Choice label={t("interfaceLanguage")} value={locale.value} onChange={setLocale}>
          {(Object.keys(LOCALES) as Locale[]).map((name) => [name, LOCALES[name]])}
        </Choice>
        <Choice label={t("theme")} value={theme.value} onChange={setTheme}>
          {THEMES.map((name) => [name, t(THEME_NAMES[name])])}
        </Choice>
        <Choice label={t("layout")} value={layout.value} onChange={setLayout}>
          {LAYOUTS.map((name) => [name, t(LAYOUT_NAMES[name])])}
        </Choice>
      </section>
      <section class="settings">
        <h3>{t("editor")}</h3>
        <Choice
          label={t("fontSize")}
          value={String(fontSize)}
          onChange={(size) => setEditorSettings({ fontSize: Number(size) })}
        >
          {FONT_SIZES.map((size) => [String(size), `${size} px`])}
        </Choice>
        <Check checked={wrap} onChange={(next) => setEditorSettings({ wrap: next })}>
          {t("wrapLines")}
        </Check>
        <Check checked={completion} onChange={(next) => setEditorSettings({ completion: next })}>
          {t("completion")}
        </Check>
        <Check checked={vim} onChange={(next) => setEditorSettings({ vim: next })}>
          {t("vimKeys")}
        </Check>
      </section>
    </Dialog>
  );
}

function Choice<T extends string>({
  label,
  value,
  onChange,
  children,
}: {
  label: string;
  value: T;
  onChange: (next: T) => void;
  /** Values and their names. */
  children: (readonly [T, string])[];
}) {
  const id = useId();
  return (
    <div class="setting">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {children.map(([option, name]) => (
          <option key={option} value={option}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}

function Check({
  checked,
  onChange,
  children,
}: {
  checked: boolean;
  onChange: (next: boolean) => void;
  children: ComponentChildren;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {children}
    </label>
  );
}
