type Deed = () => string | undefined;

const here: Deed = () => new Error('here').stack;

console.log(here());
console.log(require.main === module, process.argv.length, process.execArgv);
