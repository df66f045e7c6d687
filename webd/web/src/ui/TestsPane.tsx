import { formatBytes, formatDuration } from "../execution/format";
import { t, type Key } from "../i18n/text";
import { toPlainText } from "../output/plain-text";
import { COMPARES, MAX_TESTS, type Compare, type Test } from "../program/program";
import { changeProgram, changeTests } from "../workbench/editing";
import { runTests } from "../workbench/run-tests";
import { busy, compilerOutput, execution, program, testResults } from "../workbench/state";
import { Icon } from "./Icon";
import { Phases } from "./Phases";
import { Summary } from "./Summary";

/** Tests of the program: inputs, expected outputs and results. */
export function TestsPane() {
  const tests = program.value?.tests ?? [];
  const tested = execution.value?.kind === "tests";
  const change = (index: number, changes: Partial<Test>) =>
    changeTests(tests.map((test, other) => (other === index ? { ...test, ...changes } : test)));
  return (
    <>
      <div class="tests-bar">
        <button
          type="button"
          class="primary"
          disabled={tests.length === 0 || busy.value}
          onClick={() => void runTests()}
        >
          <Icon name="run" />
          {t("runAllTests")}
        </button>
        <button
          type="button"
          disabled={tests.length >= MAX_TESTS}
          onClick={() => changeTests([...tests, { stdin: "", expected: "" }])}
        >
          <Icon name="plus" />
          {t("addTest")}
        </button>
        {tests.length > 0 && <CompareChoice />}
      </div>
      {tested && <Phases />}
      <div class="tests-body" tabIndex={0} role="region" aria-label={t("tests")}>
        {tests.length === 0 && <p class="hint empty">{t("noTests")}</p>}
        {tests.length > 0 && (
          <table class="tests">
            <thead>
              <tr>
                <th scope="col">{t("test")}</th>
                <th scope="col">{t("input")}</th>
                <th scope="col">{t("expectedOutput")}</th>
                <th scope="col">{t("result")}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {tests.map((test, index) => (
                <tr key={index}>
                  <th scope="row" data-label={t("test")}>
                    {index + 1}
                  </th>
                  <td data-label={t("input")}>
                    <TestText
                      label={t("inputOfTest", { number: index + 1 })}
                      value={test.stdin}
                      onChange={(stdin) => change(index, { stdin })}
                    />
                  </td>
                  <td data-label={t("expectedOutput")}>
                    <TestText
                      label={t("expectedOfTest", { number: index + 1 })}
                      value={test.expected}
                      onChange={(expected) => change(index, { expected })}
                    />
                  </td>
                  <td>
                    <Result index={index} />
                  </td>
                  <td>
                    <button
                      type="button"
                      class="quiet small"
                      aria-label={t("removeTest", { number: index + 1 })}
                      onClick={() => changeTests(tests.filter((_, other) => other !== index))}
                    >
                      <Icon name="close" />
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {tested && compilerOutput.value !== "" && (
          <pre class="printed">{toPlainText(compilerOutput.value)}</pre>
        )}
      </div>
      {tested && <Summary />}
    </>
  );
}

const COMPARE_NAMES: Record<Compare, Key> = {
  lines: "compareLines",
  tokens: "compareTokens",
  numbers: "compareNumbers",
  exact: "compareExact",
};

function CompareChoice() {
  return (
    <select
      class="compare"
      aria-label={t("compare")}
      title={t("compare")}
      value={program.value?.compare ?? "lines"}
      onChange={(event) => changeProgram({ compare: event.currentTarget.value as Compare })}
    >
      {COMPARES.map((name) => (
        <option key={name} value={name}>
          {t(COMPARE_NAMES[name])}
        </option>
      ))}
    </select>
  );
}

function TestText({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
}) {
  return (
    <textarea
      aria-label={label}
      rows={Math.min(6, Math.max(2, value.split("\n").length))}
      spellcheck={false}
      value={value}
      onInput={(event) => onChange(event.currentTarget.value)}
    />
  );
}

function Result({ index }: { index: number }) {
  const result = testResults.value[index] ?? null;
  if (result === null) return <span class="pending">–</span>;
  if (result === "running") return <span class="now">{t("running")}</span>;
  const { verdict, usage, output } = result;
  return (
    <div class={`test-verdict ${verdict.tone}`}>
      <span class="verdict">
        <Icon name={verdict.tone} />
        <strong>{verdict.title}</strong>
      </span>
      {verdict.detail !== "" && <small>{verdict.detail}</small>}
      <small>
        {formatDuration(usage.wall_ms)}
        {usage.memory_bytes > 0 && `, ${formatBytes(usage.memory_bytes)}`}
      </small>
      {verdict.tone !== "good" && (
        <details>
          <summary>{t("actualOutput")}</summary>
          <pre class="printed">{toPlainText(output)}</pre>
        </details>
      )}
    </div>
  );
}
