class Odd extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'Odd';
    this.extra = { a: 1 };
  }
}
setTimeout(() => {
  throw new Odd('outer', { cause: new TypeError('inner') });
});
