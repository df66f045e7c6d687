const BYTES = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** `1536` → `1.5 KiB` */
export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < BYTES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${short(value)} ${BYTES[unit] as string}`;
}

/** `1500` → `1.5 s` */
export function time(milliseconds: number): string {
  if (milliseconds < 1000) return `${short(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${short(milliseconds / 1000)} s`;
  return `${short(milliseconds / 60_000)} min`;
}

/** Three digits, without zeros at the end. */
function short(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
