/** Browser storage. Where it is full or disabled, the page works without it. */

/** How long an item is kept: in the browser, or until the tab is closed. */
export type Lifetime = "browser" | "tab";

/** Even to name a storage throws where it is disabled. */
const STORAGES: Record<Lifetime, () => Storage> = {
  browser: () => localStorage,
  tab: () => sessionStorage,
};

export function readItem(key: string, lifetime: Lifetime = "browser"): string | null {
  try {
    return STORAGES[lifetime]().getItem(key);
  } catch {
    return null;
  }
}

export function writeItem(key: string, value: string, lifetime: Lifetime = "browser"): void {
  try {
    STORAGES[lifetime]().setItem(key, value);
  } catch {
    // Full or disabled.
  }
}

export function removeItem(key: string, lifetime: Lifetime = "browser"): void {
  try {
    STORAGES[lifetime]().removeItem(key);
  } catch {
    // Disabled.
  }
}
