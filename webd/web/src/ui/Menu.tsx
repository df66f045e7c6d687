import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon";

interface MenuProps {
  label: string;
  icon?: IconName;
  /** Shown in place of the label, as the value that the menu changes. */
  text?: string;
  disabled?: boolean;
  class?: string;
  /** Items call `choose`, which closes the panel and then runs the action. */
  children: (choose: (action: () => void) => void) => ComponentChildren;
}

/** Button that opens a panel. Escape, a click outside, or moving the focus out closes the panel. */
export function Menu({
  label,
  icon,
  text,
  disabled = false,
  class: className,
  children,
}: MenuProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => setOpen(false);
  const choose = (action: () => void) => {
    close();
    button.current?.focus();
    action();
  };

  useLayoutEffect(() => {
    if (!open) return;
    const closeIfOutside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) close();
    };
    document.addEventListener("pointerdown", closeIfOutside);
    document.addEventListener("focusin", closeIfOutside);
    return () => {
      document.removeEventListener("pointerdown", closeIfOutside);
      document.removeEventListener("focusin", closeIfOutside);
    };
  }, [open]);

  return (
    <div
      class={className === undefined ? "menu" : `menu ${className}`}
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
        class={text === undefined ? "quiet" : "value"}
        disabled={disabled}
        aria-expanded={open}
        aria-label={text === undefined ? label : `${label}: ${text}`}
        onClick={() => setOpen(!open)}
      >
        {icon && <Icon name={icon} />}
        <span class="label">{text ?? label}</span>
      </button>
      {open && <div class="menu-panel">{children(choose)}</div>}
    </div>
  );
}
