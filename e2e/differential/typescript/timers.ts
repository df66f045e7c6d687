import { setTimeout as sleep } from 'node:timers/promises';

async function* count(to: number): AsyncGenerator<number> {
    for (let i = 1; i <= to; i++) {
        await sleep(1);
        yield i;
    }
}

(async (): Promise<void> => {
    for await (const number of count(3)) console.log(number);
})();
process.nextTick(() => console.log('tick'));
queueMicrotask(() => console.log('microtask'));
console.log('main');
