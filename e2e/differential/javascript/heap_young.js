// Much is thrown away, in the loop and in ticks, so that the collector runs as the program goes on.
let kept = [];
for (let i = 0; i < 200000; i++) {
  const object = { i, text: `text ${i}`, list: [i, i + 1] };
  if (i % 1000 === 0) kept.push(object);
}
console.log(kept.length, kept.at(-1));
(async () => {
  let sum = 0;
  for (let i = 0; i < 20000; i++) sum += (await { value: i }).value;
  console.log(sum);
})();
