(async () => {
  for await (const chunk of process.stdin) console.log(chunk);
})();
