// What V8 itself prints comes through the buffers of C.
require('v8').setFlagsFromString('--trace-opt-verbose');
require('v8').setFlagsFromString('--no-trace-opt-verbose');
require('v8').setFlagsFromString('--print-bytecode');
require('v8').setFlagsFromString('--print-bytecode-filter=shown');
function shown(a) { return a + 1; }
require('fs').writeSync(1, `${shown(1)}\n`);
