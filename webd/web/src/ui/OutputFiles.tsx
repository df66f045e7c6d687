import { useMemo } from "preact/hooks";
import { toBase64 } from "@executor/client";
import { formatBytes } from "../execution/format";
import { textOf, viewOf, type OutputFile } from "../files/output-file";
import { parseTable } from "../files/table";
import { t } from "../i18n/text";
import { toPlainText } from "../output/plain-text";
import { downloadAll, downloadFile } from "../workbench/downloads";
import { busy, outputFiles } from "../workbench/state";
import { Icon } from "./Icon";
import { SandboxedPage } from "./SandboxedPage";

/** Files that the program left behind: pictures, tables and text are shown, and all can be downloaded. */
export function OutputFiles() {
  const files = outputFiles.value;
  if (files.length === 0) return null;
  return (
    <section class="output-files" aria-label={t("outputFiles")} tabIndex={0}>
      <header>
        <h3>{t("outputFileCount", { count: files.length })}</h3>
        <button
          type="button"
          class="quiet small"
          disabled={busy.value}
          onClick={() => void downloadAll()}
        >
          <Icon name="download" />
          {t("downloadAll")}
        </button>
      </header>
      {files.map((file) => (
        <figure key={file.name} class="output-file">
          <figcaption>
            <strong>{file.name}</strong>
            <small>
              {formatBytes(file.size)}
              {file.truncated && `, ${t("onlyFirst", { size: formatBytes(file.bytes.length) })}`}
            </small>
            <button
              type="button"
              class="quiet small"
              aria-label={t("downloadFile", { name: file.name })}
              onClick={() => downloadFile(file)}
            >
              <Icon name="download" />
            </button>
          </figcaption>
          <Content file={file} />
        </figure>
      ))}
    </section>
  );
}

function Content({ file }: { file: OutputFile }) {
  const view = useMemo(() => viewOf(file), [file]);
  switch (view.kind) {
    case "image":
      return <Picture file={file} type={view.type} />;
    case "table":
      return <CsvTable file={file} separator={view.separator} />;
    case "page":
      return <SandboxedPage title={file.name} html={textOf(file.bytes) ?? ""} />;
    case "text":
      return <pre class="printed">{toPlainText(textOf(file.bytes) ?? "")}</pre>;
    case "none":
      return null;
  }
}

/** A picture by a `data:` URL: scripts in it do not run, and it loads nothing. */
function Picture({ file, type }: { file: OutputFile; type: string }) {
  const url = useMemo(() => `data:${type};base64,${toBase64(file.bytes)}`, [file, type]);
  return <img src={url} alt={file.name} />;
}

function CsvTable({ file, separator }: { file: OutputFile; separator: string }) {
  const { rows, cut } = useMemo(
    () => parseTable(textOf(file.bytes) ?? "", separator),
    [file, separator],
  );
  const [head, ...body] = rows;
  return (
    <div
      class="table-box"
      role="region"
      aria-label={t("tableOf", { name: file.name })}
      tabIndex={0}
    >
      <table class="data">
        <thead>
          <tr>
            {head?.map((cell, column) => (
              <th key={column} scope="col">
                {toPlainText(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{toPlainText(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {cut && <p class="hint">{t("tableCut")}</p>}
    </div>
  );
}
