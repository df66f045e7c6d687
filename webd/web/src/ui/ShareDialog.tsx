import { useEffect, useId, useRef, useState } from "preact/hooks";
import { formatNumber, t } from "../i18n/text";
import { toFragment } from "../program/share";
import { program } from "../workbench/state";
import { Dialog } from "./Dialog";

/** Some applications truncate longer links. */
const LONG_LINK = 8000;

export function ShareDialog({ onClose }: { onClose: () => void }) {
  const [link, setLink] = useState<string | null>(null);
  useEffect(() => {
    if (program.value) {
      void toFragment(program.value).then((fragment) =>
        setLink(location.origin + location.pathname + fragment),
      );
    }
  }, []);
  return (
    <Dialog title={t("share")} onClose={onClose}>
      <p>{t("shareIntro")}</p>
      {link !== null && <Links link={link} />}
    </Dialog>
  );
}

function Links({ link }: { link: string }) {
  const frame = `<iframe src="${link.replace("#", "?embed=1#")}" width="100%" height="480" title="Executor"></iframe>`;
  return (
    <>
      <Copyable label={t("link")} text={link} />
      {link.length > LONG_LINK && (
        <p class="hint">{t("longLink", { count: formatNumber(link.length) })}</p>
      )}
      <Copyable label={t("embedHtml")} text={frame} />
      <p class="hint">{t("embedHint")}</p>
    </>
  );
}

function Copyable({ label, text }: { label: string; text: string }) {
  const [copied, setCopied] = useState(false);
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // Not allowed, as in some frames: the text is selected for Ctrl+C.
      () => field.current?.focus(),
    );
  return (
    <div class="copyable">
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={field}
        readOnly
        value={text}
        onFocus={(event) => event.currentTarget.select()}
      />
      <button type="button" aria-label={t("copyLabel", { label })} onClick={() => void copy()}>
        {t(copied ? "copied" : "copy")}
      </button>
    </div>
  );
}
