/** Returns the URL of an API path: on the page's own origin, unless the page was built for another server. */
export function apiUrl(path: string): URL {
  return new URL(path, __EXECUTOR_API__ === "" ? location.origin : __EXECUTOR_API__);
}

export function sessionUrl(): URL {
  const url = apiUrl("/api/session");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}
