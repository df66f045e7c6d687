/** Retries an execution that a busy server rejected, after the time that the server returned. */
import { retryCountdown } from "./state";

let timer: ReturnType<typeof setInterval> | null = null;

export function retryLater(seconds: number, retry: () => Promise<void>): void {
  cancelRetry();
  retryCountdown.value = Math.ceil(seconds);
  timer = setInterval(() => {
    retryCountdown.value = (retryCountdown.value ?? 1) - 1;
    if (retryCountdown.value > 0) return;
    cancelRetry();
    void retry();
  }, 1000);
}

export function cancelRetry(): void {
  if (timer !== null) clearInterval(timer);
  timer = null;
  retryCountdown.value = null;
}
