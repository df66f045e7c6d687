export const value = 1;
export function fail() {
  throw new TypeError("in another file");
}
