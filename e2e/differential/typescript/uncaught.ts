interface Problem { code: number }

class Failure extends Error implements Problem {
    constructor(message: string, readonly code: number) {
        super(message);
    }
}

function fail(code: number): never {
    throw new Failure('it failed', code);
}

console.log('before');
[1, 2].forEach((code: number) => fail(code));
