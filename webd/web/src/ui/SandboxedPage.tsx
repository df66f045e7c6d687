import { useEffect, useRef } from "preact/hooks";

interface Policy {
  createHTML(html: string): string;
}
interface PolicyFactory {
  createPolicy(name: string, rules: Policy): Policy;
}

/** Where Trusted Types exist, only this policy makes HTML of a text: for a frame that has no origin and runs no scripts. */
const policy: Policy = (
  globalThis as unknown as { trustedTypes?: PolicyFactory }
).trustedTypes?.createPolicy("executor", { createHTML: (html) => html }) ?? {
  createHTML: (html) => html,
};

/**
 * HTML that a program wrote, in a frame without an origin. It cannot run scripts, open windows, send forms or read anything of
 * this page. It has the page's content security policy, so it loads nothing either.
 */
export function SandboxedPage({ title, html }: { title: string; html: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  useEffect(() => {
    if (frame.current) frame.current.srcdoc = policy.createHTML(html);
  }, [html]);
  return <iframe ref={frame} class="page-frame" sandbox="" title={title} />;
}
