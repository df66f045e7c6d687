import { useRef, useState } from "preact/hooks";
import { t } from "../i18n/text";
import { fileNameError } from "../program/program";
import { addFile, removeFile, renameFile, uploadFiles } from "../workbench/editing";
import { formatFile, formattable, formatting } from "../workbench/format-code";
import { activeFile, language, notice, program } from "../workbench/state";
import { Icon } from "./Icon";

export function FileTabs() {
  const [renaming, setRenaming] = useState<string | null>(null);
  const files = program.value?.files ?? [];
  return (
    <div class={files.length === 1 ? "tabs single" : "tabs"}>
      <div class="tab-list" role="group" aria-label={t("files")}>
        {files.map(({ name }) => {
          const active = name === activeFile.value;
          if (renaming === name)
            return <NameField key={name} name={name} onDone={() => setRenaming(null)} />;
          return (
            <span key={name} class={active ? "tab active" : "tab"}>
              <button
                type="button"
                class="tab-name"
                aria-pressed={active}
                title={active ? t("renameHint") : name}
                onClick={() => (active ? setRenaming(name) : (activeFile.value = name))}
                onKeyDown={(event) => event.key === "F2" && setRenaming(name)}
              >
                {name}
              </button>
              {files.length > 1 && (
                <button
                  type="button"
                  class="tab-close"
                  aria-label={t("removeFile", { name })}
                  onClick={() => removeFile(name)}
                >
                  <Icon name="close" />
                </button>
              )}
            </span>
          );
        })}
      </div>
      <button type="button" class="quiet small" aria-label={t("addFile")} onClick={addFile}>
        <Icon name="plus" />
      </button>
      <UploadButton />
      <FormatButton />
    </div>
  );
}

function FormatButton() {
  const formatter = language.value?.formatter;
  if (formatter === undefined) return null;
  return (
    <button
      type="button"
      class="quiet small"
      aria-label={t("format")}
      title={t("formatHint", { formatter })}
      disabled={formattable.value === null}
      aria-busy={formatting.value}
      onClick={() => void formatFile()}
    >
      <Icon name="format" />
    </button>
  );
}

function UploadButton() {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="quiet small"
        aria-label={t("uploadFiles")}
        title={t("uploadHint")}
        onClick={() => field.current?.click()}
      >
        <Icon name="upload" />
      </button>
      <input
        ref={field}
        type="file"
        multiple
        hidden
        aria-label={t("filesToUpload")}
        onChange={(event) => {
          const chosen = event.currentTarget;
          void uploadFiles([...(chosen.files ?? [])]);
          // Choosing the same file again is a change, too.
          chosen.value = "";
        }}
      />
    </>
  );
}

function NameField({ name, onDone }: { name: string; onDone: () => void }) {
  const rename = (next: string) => {
    const others =
      program.value?.files.map((file) => file.name).filter((other) => other !== name) ?? [];
    const error = fileNameError(next, others);
    if (error) notice.value = error;
    else if (next !== name) renameFile(name, next);
    onDone();
  };
  return (
    <input
      class="tab-field"
      aria-label={t("newName", { name })}
      defaultValue={name}
      size={Math.max(8, name.length)}
      ref={(field) => field?.focus()}
      onBlur={(event) => rename(event.currentTarget.value.trim())}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key === "Escape") {
          event.currentTarget.value = name;
          event.currentTarget.blur();
        }
      }}
    />
  );
}
