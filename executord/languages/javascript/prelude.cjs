'use strict';

// Pre-warms a Node process that was started before its program is known, waits until the program's command line arrives on a
// socket, and then continues as if Node had been started with it. As a zygote, this process only forks, and each fork continues
// as if it were the only process. See docs/launchers.md.
//
// Node loads this file before the main file, because NODE_OPTIONS contains --require. This file reverts every change that
// a program could observe. Worker threads of the program load it too; it does nothing in them.

// The descriptor to which start.c moved the socket.
const COMMAND_LINE_FD = 255;

const isZygote = __dirname.endsWith('/zygote');

removeTraces();
// Not worker_threads.isMainThread: to load that module replaces process.chdir().
if (!process.chdir.disabled) {
  warmUp();
  // Only now: to learn the message of V8's error, Node overflows the stack once, and would touch all of its pages.
  useWholeStack();
  const addon = isZygote ? loadAddon() : null;
  const clocks = delayClocks(addon);
  const args = waitForCommandLine(addon);
  if (args.length === 0) {
    process.reallyExit(0);
  }
  clocks.start();
  // Skips node and its flags.
  const [mainFile, ...rest] = args.slice(1 + process.execArgv.length);
  setMainFile(mainFile);
  process.argv.push(...rest);
}

/** Makes Node continue with another main file than the one of its command line. */
function setMainFile(name) {
  const path = require('path').resolve(name);
  if (path === process.argv[1]) return;
  process.argv[1] = path;
  const Module = module.constructor;
  const own = Object.getOwnPropertyDescriptor(Module, 'runMain');
  // Node gets this function next, and calls it with the path that it resolved before this file was loaded. A bound function
  // has no frame in stack traces.
  Object.defineProperty(Module, 'runMain', {
    ...{ configurable: true, enumerable: own.enumerable },
    get() {
      Object.defineProperty(Module, 'runMain', own);
      return own.value.bind(Module, path);
    },
  });
}

/** Lets the program recurse as deep as its stack limit allows, and removes NODE_OPTIONS. */
function useWholeStack() {
  // The library does its work when it is loaded. It is not an addon, so dlopen throws.
  ignoreErrors(() => process.dlopen({ exports: {} }, `${__dirname}/stack.node`));
}

/** Removes all traces of this file and of how it was loaded. */
function removeTraces() {
  process._preload_modules.length = 0;
  delete require.cache[__filename];
  const paths = module.constructor._pathCache;
  for (const key of Object.keys(paths)) {
    if (paths[key] === __filename) delete paths[key];
  }
}

/**
 * Compiles the functions that most programs use first: the module loader, the console, the formatting of values and
 * errors, and pipes.
 *
 * Node's code cache contains only some of its functions. Node compiles the others when they are first called, so this
 * calls them, without visible effects.
 */
function warmUp() {
  runSampleProgram(require.resolve('./exercise.cjs'));
  withoutTicks(printToNowhere);
  withoutTicks(readFromNowhere);
  probeStreams();
  ignoreErrors(() => process.nextTick(undefined));
  // Node reads these at the exit.
  return [process._exiting, process.exitCode, process.emit];
}

/** Keeps the garbage and the pages of the warm-up from costing the program time. */
function releaseMemory() {
  // Fills the young generation of the heap twice, so that it is collected now and empty when the program begins.
  for (let kibibytes = 0; kibibytes < 2300; kibibytes++) new Array(128);
  // The library does its work when it is loaded. It is not an addon, so dlopen throws.
  ignoreErrors(() => process.dlopen({ exports: {} }, `${__dirname}/release.node`));
}

/** Runs a program as Node runs the main file, and removes its traces. */
function runSampleProgram(file) {
  module.constructor.runMain(file);
  delete process.mainModule;
  delete require.cache[file];
  const paths = module.constructor._pathCache;
  for (const key of Object.keys(paths)) {
    if (paths[key] === file) delete paths[key];
  }
}

/** Prints into a socket without a descriptor, so that no file is opened and no asynchronous resource is counted. */
function printToNowhere() {
  const { Console } = require('console');
  const { Socket } = require('net');
  const util = require('util');
  require('tty').isatty(1);

  const handle = { getAsyncId: () => 1, writeUtf8String: () => 0, writeLatin1String: () => 0, writeBuffer: () => 0 };
  const socket = new Socket({ handle, readable: false, writable: true });
  // Without colors, because Node opens process.stderr to find out whether it supports them.
  const console = new Console({ stdout: socket, colorMode: false });
  console.log('%s %d %o', 'a', 1, { list: [1, 'b', null, undefined, true] });
  console.log('text');
  console.log(1, [2], { three: 3 });
  console.error(new Error('never seen').stack);
  socket.write(Buffer.from('text'));
  util.inspect(new Map([[1, new Set(['a'])]]));
}

/** Reads lines from a stream in memory. */
function readFromNowhere() {
  const { createInterface } = require('readline');
  const { Readable } = require('stream');
  const input = new Readable({ read() {} });
  const lines = createInterface({ input });
  lines.on('line', (line) => line.length);
  input.push(Buffer.from('one\ntwo\n'));
  input.push(null);
}

/**
 * Calls a function with a process.nextTick() that calls its callback immediately. Real ticks have numbers, which a program
 * can observe, and would run after the program.
 */
function withoutTicks(callback) {
  const { nextTick } = process;
  process.nextTick = (tick, ...values) => tick(...values);
  try {
    callback();
  } finally {
    process.nextTick = nextTick;
  }
}

/** Lets Node determine the types of the standard streams, up to the point where it would open them. */
function probeStreams() {
  const fs = require('fs');
  const net = require('net');
  const { Socket } = net;
  net.Socket = function () { throw undefined; };
  try {
    for (const [descriptor, name] of [[1, '_stdout'], [2, '_stderr']]) {
      if (fs.fstatSync(descriptor).isFIFO()) ignoreErrors(() => globalThis.console[name]);
    }
  } finally {
    net.Socket = Socket;
  }
  // Node rejects the descriptor of a file, so no socket is created.
  const file = fs.openSync(__filename);
  ignoreErrors(() => new Socket({ fd: file, readable: false, writable: true }));
  fs.closeSync(file);
}

function ignoreErrors(callback) {
  try {
    callback();
  } catch {
    // Expected.
  }
}

/** Returns the command line, or an empty array if the other end was closed without sending one. */
function waitForCommandLine(addon) {
  const fs = require('fs');
  let text = Buffer.alloc(65536);
  let length = 0;
  // This call only compiles the function.
  split(text, length);
  if (addon !== null) {
    continueInFork(addon);
  } else {
    exitEarly();
    releaseMemory();
  }
  fs.writeSync(COMMAND_LINE_FD, 'R');
  for (let got; (got = fs.readSync(COMMAND_LINE_FD, text, length, text.length - length)) > 0;) {
    length += got;
    if (length === text.length) text = Buffer.concat([text, Buffer.alloc(length)]);
  }
  fs.closeSync(COMMAND_LINE_FD);
  return split(text, length);
}

/** Loads the addon of zygotes. */
function loadAddon() {
  const addon = { exports: {} };
  process.dlopen(addon, `${__dirname}/fork.node`);
  return addon.exports;
}

/** Becomes a zygote, and returns in each of its forks. */
function continueInFork(addon) {
  releaseMemory();
  const pid = addon.fork(Math.random);
  Object.defineProperty(process, 'pid', { ...Object.getOwnPropertyDescriptor(process, 'pid'), value: pid });
  // Only now: it examines the standard streams.
  exitEarly();
}

/** Returns the arguments in a buffer, each of which ends with a NUL. */
function split(text, length) {
  return text.toString('utf8', 0, length).split('\0').slice(0, -1);
}

/**
 * Excludes the time from now to `start()` from the clocks that count from the start of the process. With the addon of zygotes,
 * worker threads have the same clocks.
 */
function delayClocks(addon) {
  const { uptime } = process;
  // Until version 18, it is not the prototype itself that has these properties.
  let prototype = Object.getPrototypeOf(performance);
  while (!Object.hasOwn(prototype, 'now')) prototype = Object.getPrototypeOf(prototype);
  const { now } = prototype;
  // In version 18, the property becomes a constant when it is first read.
  const isConstant = performance.timeOrigin && !Object.getOwnPropertyDescriptor(prototype, 'timeOrigin').get;
  const timeOrigin = Object.getOwnPropertyDescriptor(prototype, 'timeOrigin');
  const getOrigin = isConstant ? () => timeOrigin.value : () => timeOrigin.get.call(performance);
  const stopped = now.call(performance);
  let waited = 0;
  let moved = 0;
  // The addon changes what uptime() counts from.
  if (addon === null) process.uptime = named('uptime', () => uptime() - waited / 1000);
  replace(prototype, 'now', { value: named('now', function () { return now.call(this) - waited; }) });
  if (!isConstant) replace(prototype, 'timeOrigin', { get() { return timeOrigin.get.call(this) + moved; } });
  const update = () => { waited = now.call(performance) - stopped; };
  update();
  getOrigin();
  return {
    start() {
      update();
      const origin = getOrigin() + waited;
      if (addon !== null) {
        addon.delay(waited);
        // In some versions, now() then counts from the new start.
        update();
      }
      moved = origin - getOrigin();
      if (isConstant) replace(prototype, 'timeOrigin', { value: origin });
    },
  };
}

function replace(object, name, changes) {
  Object.defineProperty(object, name, { ...Object.getOwnPropertyDescriptor(object, name), ...changes });
}

function named(name, fn) {
  return Object.defineProperty(fn, 'name', { value: name });
}

/**
 * Exits the process as soon as its event loop is empty, without tearing down the heap.
 *
 * Node reads `process.emit` to emit the event `exit`. If the event has no listeners, no exit code is set, and the main file
 * is not a module that may still await something, nothing follows but the exit with code 0.
 */
function exitEarly() {
  const { reallyExit } = process;
  const { emit } = require('events').prototype;
  const quit = quickExit();
  Object.defineProperty(Object.getPrototypeOf(process), 'emit', {
    configurable: true,
    enumerable: false,
    get() {
      if (process._exiting && process.exitCode === undefined && process._events?.exit === undefined &&
          process.mainModule !== undefined && this === process) {
        quit();
        reallyExit.call(process, 0);
      }
      return emit;
    },
    set(value) {
      Object.defineProperty(this, 'emit', { value, writable: true, enumerable: true, configurable: true });
    },
  });
}

/** Returns a function that exits with code 0 faster than Node does, if no difference can be observed. Otherwise it returns. */
function quickExit() {
  const fs = require('fs');
  const { fstatSync } = fs;
  const { dlopen, moduleLoadList } = process;
  const atStart = [];
  try {
    for (const stream of [0, 1, 2]) {
      const flags = /^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${stream}`, 'latin1'))[1];
      // Node changes more settings of a terminal than quit.c restores.
      if (parseInt(flags, 8) & fs.constants.O_NONBLOCK || require('tty').isatty(stream)) return () => {};
      atStart.push(fstatSync(stream));
    }
  } catch {
    return () => {};
  }
  const modulesAtStart = moduleLoadList.length;
  const library = `${__dirname}/quit.node`;
  return () => {
    // These modules may produce output at the exit.
    for (let i = modulesAtStart; i < moduleLoadList.length; i++) {
      const name = moduleLoadList[i];
      if (name === 'Internal Binding v8' || name === 'NativeModule inspector' ||
          name === 'NativeModule trace_events') return;
    }
    try {
      for (let stream = 0; stream <= 2; stream++) {
        const { dev, ino } = fstatSync(stream);
        if (dev !== atStart[stream].dev || ino !== atStart[stream].ino) return;
      }
      // If the library does not exit the process, dlopen throws, because it is not an addon.
      dlopen.call(process, { exports: {} }, library);
    } catch {
      // Node exits in the ordinary way.
    }
  };
}
