/*
 * Turns `<pre class="executor" data-language="python">…</pre>` into a snippet that visitors can change and run.
 * See docs/embedding.md. MIT OR Apache-2.0.
 */
(() => {
  "use strict";
  // A module has no currentScript.
  const script = document.currentScript ?? document.querySelector('script[src*="embed.js"]');
  const server = new URL(".", script.src);
  const LINE = 22;
  const FRAME = 210;

  function fragment(pre) {
    const values = new URLSearchParams({ code: pre.textContent.replace(/^\n/, "") });
    for (const [name, value] of Object.entries({
      lang: pre.dataset.language,
      version: pre.dataset.version,
      packages: pre.dataset.packages,
      stdin: pre.dataset.stdin,
      args: pre.dataset.args,
    })) {
      if (value !== undefined) values.set(name, value);
    }
    return `#${values}`;
  }

  function embed(pre) {
    if (pre.dataset.embedded !== undefined) return;
    pre.dataset.embedded = "";
    const lines = pre.textContent.split("\n").length;
    const height = Number(pre.dataset.height) || Math.min(640, Math.max(320, FRAME + LINE * lines));
    const frame = document.createElement("iframe");
    frame.src = `${server}?embed=1${fragment(pre)}`;
    frame.title = pre.dataset.title ?? `Program in ${pre.dataset.language ?? "Python"}`;
    frame.loading = "lazy";
    frame.allow = "clipboard-write";
    Object.assign(frame.style, { width: "100%", height: `${height}px`, border: "0" });
    // The code stays in the page, for search engines and for a script that shows it again.
    pre.after(frame);
    pre.hidden = true;
  }

  function embedAll() {
    document.querySelectorAll("pre.executor").forEach(embed);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", embedAll);
  else embedAll();
  globalThis.Executor = { embed, embedAll };
})();
