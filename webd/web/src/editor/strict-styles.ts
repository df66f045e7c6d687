/**
 * Monaco and xterm write style sheets into `<style>` elements, which the page's policy forbids, as it would allow
 * strangers' text to do the same. What they write goes into constructed style sheets instead, which only script can
 * make; the elements stay empty.
 */
export function adoptStyles(): void {
  /* eslint-disable @typescript-eslint/no-deprecated -- some of its tag names are, not the method */
  const create = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const made = create(name, options);
    if (made instanceof HTMLStyleElement) adopt(made);
    return made;
  };
  /* eslint-enable @typescript-eslint/no-deprecated */
}

function adopt(style: HTMLStyleElement): void {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  let text = "";
  const content = {
    get: () => text,
    set(css: string) {
      text = css;
      sheet.replaceSync(css);
    },
  };
  const remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    HTMLStyleElement.prototype.remove.call(style);
  };
  Object.defineProperties(style, {
    textContent: content,
    sheet: { value: sheet },
    remove: { value: remove },
  });
}
