/** From a place named in the output to the editor: whoever shows the editor says how. */
import type { Location } from "../run/problems";

let go: (location: Location) => void = () => undefined;

export function setGoTo(next: (location: Location) => void): void {
  go = next;
}

export function goTo(location: Location): void {
  go(location);
}
