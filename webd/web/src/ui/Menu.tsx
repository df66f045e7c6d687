import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon";

interface MenuProps {
  label: string;
  icon: IconName;
  /** Each choice in it is made through `choose`, which closes the panel first. */
  children: (choose: (then: () => void) => void) => ComponentChildren;
}

/** A button that opens a panel: closed by Escape, by a click elsewhere, or by leaving it. */
export function Menu({ label, icon, children }: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => setOpen(false);
  const choose = (then: () => void) => {
    close();
    button.current?.focus();
    then();
  };

  useEffect(() => {
    if (!open) return;
    const elsewhere = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) close();
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [open]);

  return (
    <div
      class="menu"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        close();
        button.current?.focus();
      }}
    >
      <button
        ref={button}
        type="button"
        class="quiet"
        aria-expanded={open}
        aria-label={label}
        onClick={() => setOpen(!open)}
      >
        <Icon name={icon} />
        <span class="label">{label}</span>
      </button>
      {open && <div class="menu-panel">{children(choose)}</div>}
    </div>
  );
}
