/** Where the API is: beside the page, unless the page was built for a server elsewhere. */
export function apiUrl(path: string): URL {
  return new URL(path, __EXECUTOR_API__ === "" ? location.origin : __EXECUTOR_API__);
}

export function sessionUrl(): URL {
  const url = apiUrl("/api/session");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}
