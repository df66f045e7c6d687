import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/text";
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
  const current = language.value;
  useEffect(() => {
    if (current) void examplesOf(current).then(setExamples);
  }, [current]);
  return (
    <ul class="examples">
      {examples.map((example) => (
        <li key={example.title}>
          <button type="button" onClick={() => choose(() => openExample(example.program))}>
            <strong>{example.title}</strong>
            <span>{example.description}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
