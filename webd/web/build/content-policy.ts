import type { Plugin } from "vite";

/**
 * The policy that webd sends as a header, written into the page as well: a static host may send no headers.
 * What only a header can say is left out, and the API's own origin is let in.
 */
export function contentPolicy(policy: string, api: string): Plugin {
  return {
    name: "content-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: inPage(policy, api) },
        injectTo: "head-prepend",
      },
    ],
  };
}

function inPage(policy: string, api: string): string {
  const directives = policy.trim().split("\n");
  return directives
    .filter((directive) => !directive.startsWith("frame-ancestors"))
    .map((directive) =>
      directive.startsWith("connect-src") && api !== ""
        ? `${directive} ${api} ${api.replace(/^http/, "ws")}`
        : directive,
    )
    .join("; ");
}
