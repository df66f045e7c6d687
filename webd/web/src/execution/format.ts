import { locale, t } from "../i18n/text";

/** Formats a number of bytes: `1536` as `1.5 KiB`. */
export function formatBytes(count: number): string {
  const units = t("byteUnits").split(" ");
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${round(value)} ${units[unit] as string}`;
}

/** Formats milliseconds: `1500` as `1.5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${round(milliseconds / 1000)} s`;
  return `${round(milliseconds / 60_000)} min`;
}

/** Rounds to three significant digits, or to an integer above 100, without trailing zeros, as the page's language writes it. */
function round(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString(locale.value, { maximumFractionDigits: digits, useGrouping: false });
}
