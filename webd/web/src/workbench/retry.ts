/** A server that is full is asked again when it said that it would be worth it. */
import { retryIn } from "./state";

let timer: ReturnType<typeof setInterval> | null = null;

export function retryLater(seconds: number, again: () => Promise<void>): void {
  forgetRetry();
  retryIn.value = Math.ceil(seconds);
  timer = setInterval(() => {
    retryIn.value = (retryIn.value ?? 1) - 1;
    if (retryIn.value > 0) return;
    forgetRetry();
    void again();
  }, 1000);
}

export function forgetRetry(): void {
  if (timer !== null) clearInterval(timer);
  timer = null;
  retryIn.value = null;
}
