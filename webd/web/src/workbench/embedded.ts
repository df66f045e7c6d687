/** Whether the page is inside another page, which the address says. */
export const EMBEDDED = new URLSearchParams(location.search).get("embed") === "1";
