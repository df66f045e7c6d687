const { HOME, USER, LOGNAME, ...environment } = process.env;
console.log(Object.entries(environment).sort(), Object.keys(process.env).length, 'NODE_OPTIONS' in process.env);
console.log(require('child_process').execFileSync('/usr/bin/env', { encoding: 'utf8' }).split('\n')
  .filter((line) => !/^(HOME|USER|LOGNAME|$)/.test(line)).sort());
console.log(require('fs').readFileSync('/proc/self/environ', 'utf8').includes('NODE_OPTIONS'));
