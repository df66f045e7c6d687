//! Programs of Node that are forked from a zygote, which has threads and an event loop.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use e2e::daemons::{Daemons, Settings};
use serde_json::json;

/// One slot, so that all executions share it.
async fn start(zygotes: bool) -> Daemons {
    let settings = Settings { slots: 1, zygotes: Some(zygotes), ..Settings::default() };
    Daemons::start(&settings).await.expect("both daemons start")
}

async fn node(daemons: &Daemons, code: &str) -> String {
    let answer = daemons.execute(&json!({ "language": "javascript", "code": code })).await;
    assert_eq!((&answer["status"], &answer["stderr"]), (&json!("ok"), &json!("")), "{answer}");
    answer["stdout"].as_str().expect("text").to_owned()
}

/// Prints everything that is the same in each run.
const EXAMINE: &str = r#"
const fs = require('fs'), os = require('os'), util = require('util');
const status = Object.fromEntries(fs.readFileSync('/proc/self/status', 'utf8').split('\n').map((line) => line.split(':\t')));
console.log(process.pid, process.ppid, process.argv, process.execArgv, process.env.NODE_OPTIONS, process.cwd());
for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp', 'Groups', 'Threads', 'SigCgt', 'SigBlk'])
  console.log(name, status[name]);
const environment = fs.readFileSync('/proc/self/environ', 'utf8').split('\0').filter(Boolean);
console.log(util.isDeepStrictEqual(environment, Object.entries(process.env).map(([name, value]) => `${name}=${value}`)));
console.log(process.env.USER === os.userInfo().username, process.env.LOGNAME === os.userInfo().username);
console.log(fs.readdirSync('/proc/self/fd').map((fd) => {
  let link = 'gone';
  try { link = fs.readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/, ''); } catch {}
  return `${fd} ${link}`;
}));
for (const task of fs.readdirSync('/proc/self/task')) console.log(fs.readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim());
console.log(fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)), fs.readdirSync('.'), fs.readdirSync('/tmp'));
console.log(Object.keys(require.cache), Object.keys(module.constructor._pathCache), process._preload_modules, module.paths);
console.log(process.moduleLoadList.filter((name) => !/exercise/.test(name)).length > 50, Object.getOwnPropertyDescriptor(process, 'pid').writable);
"#;

/// Uses the threads of Node and its event loop.
const USE_THREADS: &str = r#"
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { execFileSync, exec } = require('child_process');
const fs = require('fs'), crypto = require('crypto'), zlib = require('zlib'), dns = require('dns'), net = require('net');
const later = (time) => new Promise((resolve) => setTimeout(resolve, time));
async function main() {
  await later(5);
  console.log((await fs.promises.readFile('/etc/hostname', 'utf8').catch(() => 'none')).length > 0);
  console.log((await new Promise((resolve) => crypto.pbkdf2('a', 'b', 1000, 8, 'sha256', (error, key) => resolve(key.toString('hex'))))));
  console.log((await new Promise((resolve) => zlib.gzip('text', (error, data) => resolve(data.length)))));
  console.log(execFileSync('echo', ['child']).toString());
  console.log(await new Promise((resolve) => exec('echo $USER', (error, out) => resolve(out === process.env.USER + '\n'))));
  const source = `require('worker_threads').parentPort.postMessage([Math.random(), 6 * 7])`;
  const [one, two] = await Promise.all([0, 1].map(() => new Promise((resolve) => new Worker(source, { eval: true }).on('message', resolve))));
  console.log(one[1], one[0] !== two[0]);
  const module = await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  console.log(module instanceof WebAssembly.Module);
  let sum = 0;
  for (let i = 0; i < 3e7; i++) sum = (sum + i * 7) % 1000003;
  console.log(sum, Array.from({ length: 2e5 }, (_, i) => ({ i })).map(({ i }) => i).reduce((a, b) => a + b));
  const server = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  console.log(await new Promise((resolve) => net.connect(server.address().port, '127.0.0.1').on('data', (data) => resolve(String(data)))));
  server.close();
  process.on('SIGUSR2', () => console.log('signal')).on('exit', (code) => console.log('exit', code));
  process.kill(process.pid, 'SIGUSR2');
  await later(20);
  global.gc?.();
}
main();
"#;

#[tokio::test]
async fn a_fork_of_node_cannot_be_told_from_node() {
    let mut outputs = Vec::new();
    for zygotes in [false, true, true] {
        let daemons = start(zygotes).await;
        for _ in 0..3 {
            let output = (node(&daemons, EXAMINE).await, node(&daemons, USE_THREADS).await);
            outputs.push(output);
        }
        assert!(!daemons.logs().contains("from zygote"), "{}", daemons.logs());
    }
    for output in &outputs {
        assert_eq!((&*output.0, &*output.1), (&*outputs[0].0, &*outputs[0].1));
    }
}

#[tokio::test]
async fn forks_of_node_have_random_numbers_of_their_own() {
    let daemons = start(true).await;
    let code = "const crypto = require('crypto');\n\
                console.log(Math.random());\n\
                console.log(crypto.randomBytes(8).toString('hex'), crypto.randomUUID());";
    let mut numbers = BTreeSet::new();
    for _ in 0..10 {
        numbers.extend(node(&daemons, code).await.split_whitespace().map(str::to_owned));
    }
    assert_eq!(numbers.len(), 30, "{numbers:?}");
}
