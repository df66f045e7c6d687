/**
 * Redirects style sheets from `<style>` elements to constructed style sheets. Monaco and xterm.js create such elements,
 * but the page's content security policy forbids them: injected text could contain them too. Constructed style sheets
 * can only be created by scripts.
 */
export function useConstructedStyles(): void {
  /* eslint-disable @typescript-eslint/no-deprecated -- only some tag names are deprecated */
  const create = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = create(name, options);
    if (element instanceof HTMLStyleElement) redirect(element);
    return element;
  };
  /* eslint-enable @typescript-eslint/no-deprecated */
}

function redirect(style: HTMLStyleElement): void {
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
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    HTMLStyleElement.prototype.remove.call(style);
  };
  Object.defineProperties(style, {
    textContent: content,
    sheet: { value: sheet },
    remove: { value: remove },
  });
}
