import { effect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * Shows the element of the returned ref while `visible` returns true, and hides it otherwise. Unlike a rendered
 * attribute this follows signals immediately: an element must be visible before it can take the focus.
 */
export function useVisibility<T extends HTMLElement>(visible: () => boolean) {
  const element = useRef<T>(null);
  useLayoutEffect(
    () =>
      effect(() => {
        const hidden = !visible();
        if (element.current) element.current.hidden = hidden;
      }),
    [],
  );
  return element;
}
