import { useEffect, useState } from "preact/hooks";
import { examplesOf, type Example } from "../program/examples";
import { openExample } from "../workbench/editing";
import { language } from "../workbench/state";
import { Menu } from "./Menu";

export function ExamplesMenu() {
  return (
    <Menu label="Examples" icon="examples">
      {(choose) => <ExampleList choose={choose} />}
    </Menu>
  );
}

function ExampleList({ choose }: { choose: (then: () => void) => void }) {
  const [examples, setExamples] = useState<Example[]>([]);
  const chosen = language.value;
  useEffect(() => {
    if (chosen) void examplesOf(chosen).then(setExamples);
  }, [chosen]);
  return (
    <ul class="examples">
      {examples.map((example) => (
        <li key={example.title}>
          <button type="button" onClick={() => choose(() => openExample(example.program))}>
            <strong>{example.title}</strong>
            <span>{example.about}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
