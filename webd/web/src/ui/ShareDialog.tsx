import { useEffect, useId, useState } from "preact/hooks";
import { toFragment } from "../program/share";
import { program } from "../workbench/state";
import { Dialog } from "./Dialog";

/** Longer addresses are cut by some programs that pass them on. */
const LONG = 8000;

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
      <p>The whole program is in the link itself. Nothing is stored on the server.</p>
      {link !== null && <Links link={link} />}
    </Dialog>
  );
}

function Links({ link }: { link: string }) {
  const frame = `<iframe src="${link.replace("#", "?embed=1#")}" width="100%" height="480" title="A program to run"></iframe>`;
  return (
    <>
      <Copyable label="Link" text={link} />
      {link.length > LONG && (
        <p class="hint">
          The link has {link.length.toLocaleString("en")} characters; some programs cut such links.
        </p>
      )}
      <Copyable label="To show it in another page" text={frame} />
      <p class="hint">The other page's site must be allowed by this server to show it.</p>
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
