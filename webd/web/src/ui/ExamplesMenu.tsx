import { useEffect, useState } from "preact/hooks";
import { loadExampleTexts, type ExampleTexts } from "../i18n/example-texts";
import { locale, t } from "../i18n/text";
import { examplesOf } from "../program/examples";
import type { Example } from "../program/program";
import { openExample } from "../workbench/editing";
import { language } from "../workbench/state";
import { Menu } from "./Menu";

export function ExamplesMenu() {
  return (
    <Menu label={t("examples")} icon="examples">
      {(choose) => <ExampleList choose={choose} />}
    </Menu>
  );
}

function ExampleList({ choose }: { choose: (action: () => void) => void }) {
  const [examples, setExamples] = useState<Example[]>([]);
  const [texts, setTexts] = useState<ExampleTexts>({});
  const current = language.value;
  const shown = locale.value;
  useEffect(() => {
    if (!current) return;
    void Promise.all([examplesOf(current), loadExampleTexts(shown)]).then(([found, loaded]) => {
      setTexts(loaded);
      setExamples(found);
    });
  }, [current, shown]);
  return (
    <ul class="examples">
      {examples.map((example) => (
        <li key={example.title}>
          <button type="button" onClick={() => choose(() => openExample(example.program))}>
            <strong>{texts[example.title] ?? example.title}</strong>
            <span>{texts[example.description] ?? example.description}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
