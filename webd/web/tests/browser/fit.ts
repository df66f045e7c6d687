/** Finds what does not fit on the screen. */
import type { Frame, Page } from "playwright-core";

/**
 * Returns the visible elements that are wider than the screen, unless a box that scrolls has them, and those whose text is cut
 * off.
 */
export function misfits(page: Page | Frame): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const describe = (element: Element, problem: string) => {
      const { left, right } = element.getBoundingClientRect();
      const text = element.textContent.slice(0, 40);
      return `${problem}: ${element.tagName} ${element.className} ${left} to ${right}: ${text}`;
    };
    const isContained = (element: Element): boolean => {
      for (let box = element.parentElement; box; box = box.parentElement) {
        const { overflowX } = getComputedStyle(box);
        const { left, right } = box.getBoundingClientRect();
        if (overflowX !== "visible" && left >= 0 && right <= width + 1) return true;
      }
      return false;
    };
    const isWide = (element: Element): boolean => {
      const { left, right, width: own, height } = element.getBoundingClientRect();
      if (own <= 1 || height <= 1 || (left >= -1 && right <= width + 1)) return false;
      return element.checkVisibility({ checkVisibilityCSS: true }) && !isContained(element);
    };
    // The names of a language, of a version and of a file, and source code have any length.
    const MAY_BE_CUT =
      ".picker .label, .monaco-editor *, .xterm *, .history code, .visually-hidden";
    const isCut = (element: HTMLElement): boolean => {
      if (element.clientWidth === 0 || element.scrollWidth <= element.clientWidth + 1) return false;
      if (element.matches(MAY_BE_CUT) || element.matches("input, textarea")) return false;
      const { overflowX } = getComputedStyle(element);
      return ["hidden", "clip"].includes(overflowX) || element.matches("button, a.button");
    };
    const all = [...document.body.querySelectorAll<HTMLElement>("*")];
    const scrolls = document.documentElement.scrollWidth > width ? ["the page scrolls"] : [];
    return [
      ...scrolls,
      ...all.filter(isWide).map((element) => describe(element, "too wide")),
      ...all.filter(isCut).map((element) => describe(element, "cut off")),
    ];
  });
}

/** Returns whether an element is completely on the screen. */
export function isInView(page: Page, selector: string): Promise<boolean> {
  return page.locator(selector).evaluate((element) => {
    const { top, bottom, left, right } = element.getBoundingClientRect();
    return top >= 0 && left >= 0 && bottom <= innerHeight + 1 && right <= innerWidth + 1;
  });
}
