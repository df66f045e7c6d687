import { useEffect, useId, useState } from "preact/hooks";
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
    <Dialog title="Share" onClose={onClose}>
      <p>The link contains the whole program. Nothing is stored on the server.</p>
      {link !== null && <Links link={link} />}
    </Dialog>
  );
}

function Links({ link }: { link: string }) {
  const frame = `<iframe src="${link.replace("#", "?embed=1#")}" width="100%" height="480" title="Executor"></iframe>`;
  return (
    <>
      <Copyable label="Link" text={link} />
      {link.length > LONG_LINK && (
        <p class="hint">
          The link has {link.length.toLocaleString("en")} characters. Some applications truncate
          long links.
        </p>
      )}
      <Copyable label="HTML to embed the program" text={frame} />
      <p class="hint">The server must be configured to allow the site that embeds it.</p>
    </>
  );
}

function Copyable({ label, text }: { label: string; text: string }) {
  const [copied, setCopied] = useState(false);
  const id = useId();
  return (
    <div class="copyable">
      <label for={id}>{label}</label>
      <input id={id} readOnly value={text} onFocus={(event) => event.currentTarget.select()} />
      <button
        type="button"
        aria-label={`Copy: ${label}`}
        onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
      >
        {copied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}
