import type { Case } from "../program/program";
import { bytes, time } from "../run/quantity";
import { changeCases } from "../workbench/editing";
import { busy, caseRows, compilerSaid, program, running } from "../workbench/state";
import { tryCases } from "../workbench/trying";
import { stripped } from "../output/visible";
import { Icon } from "./Icon";
import { Phases } from "./Phases";
import { Summary } from "./Summary";

/** Runs in one request, at most; docs/api.md. */
const MAX_CASES = 64;

/** Several inputs, each with what ought to come out. */
export function CasesPane() {
  const cases = program.value?.cases ?? [];
  const tried = running.value?.what === "cases";
  const change = (index: number, part: Partial<Case>) =>
    changeCases(cases.map((one, other) => (other === index ? { ...one, ...part } : one)));
  return (
    <>
      <div class="cases-bar">
        <button
          type="button"
          class="primary"
          disabled={cases.length === 0 || busy.value}
          onClick={() => void tryCases()}
        >
          <Icon name="run" />
          Try all
        </button>
        <button
          type="button"
          disabled={cases.length >= MAX_CASES}
          onClick={() => changeCases([...cases, { stdin: "", expected: "" }])}
        >
          <Icon name="plus" />
          Add a case
        </button>
      </div>
      {tried && <Phases />}
      <div class="cases-body" tabIndex={0} role="region" aria-label="Cases">
        {cases.length === 0 && (
          <p class="hint empty">
            A case is an input and the output that it should lead to. All cases run after one
            compilation, each in a sandbox of its own.
          </p>
        )}
        {cases.length > 0 && (
          <table class="cases">
            <thead>
              <tr>
                <th scope="col">#</th>
                <th scope="col">Input</th>
                <th scope="col">Expected output</th>
                <th scope="col">Verdict</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {cases.map((one, index) => (
                <tr key={index}>
                  <th scope="row">{index + 1}</th>
                  <td data-label="Input">
                    <CaseText
                      label={`Input of case ${index + 1}`}
                      value={one.stdin}
                      onChange={(stdin) => change(index, { stdin })}
                    />
                  </td>
                  <td data-label="Expected output">
                    <CaseText
                      label={`Expected output of case ${index + 1}`}
                      value={one.expected}
                      onChange={(expected) => change(index, { expected })}
                    />
                  </td>
                  <td>
                    <CaseResult index={index} />
                  </td>
                  <td>
                    <button
                      type="button"
                      class="quiet small"
                      aria-label={`Remove case ${index + 1}`}
                      onClick={() => changeCases(cases.filter((_, other) => other !== index))}
                    >
                      <Icon name="close" />
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {tried && compilerSaid.value !== "" && (
          <pre class="printed">{stripped(compilerSaid.value)}</pre>
        )}
      </div>
      {tried && <Summary />}
    </>
  );
}

function CaseText({
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

function CaseResult({ index }: { index: number }) {
  const row = caseRows.value[index] ?? null;
  if (row === null) return <span class="pending">–</span>;
  if (row === "running") return <span class="now">Running</span>;
  const { verdict, usage, printed } = row;
  return (
    <div class={`case-verdict ${verdict.tone}`}>
      <span class="verdict">
        <Icon name={verdict.tone} />
        <strong>{verdict.words}</strong>
      </span>
      {verdict.detail !== "" && <small>{verdict.detail}</small>}
      <small>
        {time(usage.wall_ms)}
        {usage.memory_bytes > 0 && `, ${bytes(usage.memory_bytes)}`}
      </small>
      {verdict.tone !== "good" && (
        <details>
          <summary>What it printed</summary>
          <pre class="printed">{stripped(printed)}</pre>
        </details>
      )}
    </div>
  );
}
