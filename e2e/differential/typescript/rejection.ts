async function later(): Promise<void> {
    await null;
    throw new TypeError('later');
}

later();
console.log('now');
