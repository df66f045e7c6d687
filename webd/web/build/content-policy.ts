import type { Plugin } from "vite";

/**
 * Adds webd's content security policy to the page as a `<meta>` element: a static host may not send the header.
 * Directives that only work in the header are left out, and the API's origin is allowed.
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
