const { createTracing, getEnabledCategories } = require('trace_events');
const fs = require('fs');
const directory = fs.mkdtempSync('/tmp/traced-');
process.chdir(directory);
const tracing = createTracing({ categories: ['node.perf', 'v8', 'node'] });
tracing.enable();
console.log(getEnabledCategories());
performance.mark('marked');
setTimeout(() => {
  tracing.disable();
}, 20);
process.on('exit', () => {
  console.log(fs.readdirSync('.'));
  fs.rmSync(directory, { recursive: true });
});
