'use strict';

// Holds a Node back that was started before its program came, until the program's command line arrives on a socket,
// and then lets it go on as if it had been started by that. See docs/launchers.md.
//
// Node loads this file before the main one, because NODE_OPTIONS says --require. Everything is undone that this changes
// and a program could see. A thread of the program's loads it too, and is left alone.

const { isMainThread } = require('worker_threads');

// Where start.c put it.
const CONTROL = 255;

forget();
if (isMainThread) {
  hideEnvironment('NODE_OPTIONS');
  endEarly();
  warmUp();
  const clocks = startClocksLater();
  const words = waitForWords();
  if (words.length === 0) {
    process.reallyExit(0);
  }
  clocks.start();
  // Before them come node, its flags, and the main file.
  process.argv.push(...words.slice(1 + process.execArgv.length + 1));
}

/** Leaves no trace of this file, nor of how it came to be loaded. */
function forget() {
  process._preload_modules.length = 0;
  delete require.cache[__filename];
  const paths = module.constructor._pathCache;
  for (const key of Object.keys(paths)) {
    if (paths[key] === __filename) delete paths[key];
  }
}

/** Takes a variable away that the process was started with last, also from where /proc/self/environ reads. */
function hideEnvironment(name) {
  delete process.env[name];
  const fs = require('fs');
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'latin1');
    const [start, end] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(47, 49).map(Number);
    const memory = fs.openSync('/proc/self/mem', 'r+');
    const block = Buffer.alloc(end - start);
    fs.readSync(memory, block, 0, block.length, start);
    const at = block.lastIndexOf(`\0${name}=`) + 1;
    if (at > 0 && block.indexOf(0, at) === block.length - 1) {
      fs.writeSync(memory, Buffer.alloc(block.length - at), 0, block.length - at, start + at);
    }
    fs.closeSync(memory);
  } catch {
    // It can be read there, then.
  }
}

/**
 * Compiles what most programs use first: the loader, the console, how values and errors are shown, pipes.
 *
 * Node has compiled only part of itself beforehand, and compiles each other function when it is first called. So they
 * are called here, with things that lead nowhere.
 */
function warmUp() {
  startExercise(require.resolve('./exercise.cjs'));
  withoutTicks(printNowhere);
  withoutTicks(readNowhere);
  askForStreams();
  refuse(() => process.nextTick(undefined));
  // What is asked for at the end.
  return [process._exiting, process.exitCode, process.emit];
}

/** Leaves to the program as little as can be of what was needed up to now. */
function tidyUp() {
  // Fills the space of young objects twice, so that it is collected now, and is empty when the program begins.
  for (let kibibytes = 0; kibibytes < 2300; kibibytes++) new Array(128);
  // Does its work when it is loaded, and is no addon.
  refuse(() => process.dlopen({ exports: {} }, `${__dirname}/settle.node`));
}

/** Starts a program as Node starts the main file, and forgets it. */
function startExercise(file) {
  module.constructor.runMain(file);
  delete process.mainModule;
  delete require.cache[file];
  const paths = module.constructor._pathCache;
  for (const key of Object.keys(paths)) {
    if (paths[key] === file) delete paths[key];
  }
}

/** Prints into a socket that has no descriptor, so nothing is opened, and nothing counted as an asynchronous resource. */
function printNowhere() {
  const { Console } = require('console');
  const { Socket } = require('net');
  const util = require('util');
  require('tty').isatty(1);

  const handle = { getAsyncId: () => 1, writeUtf8String: () => 0, writeLatin1String: () => 0, writeBuffer: () => 0 };
  const socket = new Socket({ handle, readable: false, writable: true });
  // Without colours: to find out about them Node opens process.stderr.
  const console = new Console({ stdout: socket, colorMode: false });
  console.log('%s %d %o', 'a', 1, { list: [1, 'b', null, undefined, true] });
  console.log('text');
  console.log(1, [2], { three: 3 });
  console.error(new Error('never seen').stack);
  socket.write(Buffer.from('text'));
  util.inspect(new Map([[1, new Set(['a'])]]));
}

/** Reads lines that come from nowhere. */
function readNowhere() {
  const { createInterface } = require('readline');
  const { Readable } = require('stream');
  const input = new Readable({ read() {} });
  const lines = createInterface({ input });
  lines.on('line', (line) => line.length);
  input.push(Buffer.from('one\ntwo\n'));
  input.push(null);
}

/** Ticks are done at once: each has a number, and would come after the program. */
function withoutTicks(deed) {
  const { nextTick } = process;
  process.nextTick = (callback, ...values) => callback(...values);
  try {
    deed();
  } finally {
    process.nextTick = nextTick;
  }
}

/** Lets Node look what the standard streams are, up to where it would open them. */
function askForStreams() {
  const fs = require('fs');
  const net = require('net');
  const { Socket } = net;
  net.Socket = function () { throw undefined; };
  try {
    for (const [descriptor, name] of [[1, '_stdout'], [2, '_stderr']]) {
      if (fs.fstatSync(descriptor).isFIFO()) refuse(() => globalThis.console[name]);
    }
  } finally {
    net.Socket = Socket;
  }
  // No socket is opened by the descriptor of a file.
  const file = fs.openSync(__filename);
  refuse(() => new Socket({ fd: file, readable: false, writable: true }));
  fs.closeSync(file);
}

function refuse(deed) {
  try {
    deed();
  } catch {
    // As it was meant to.
  }
}

/** The words of the command line; none if the other end was closed without any. */
function waitForWords() {
  const fs = require('fs');
  let text = Buffer.alloc(65536);
  let length = 0;
  // Once for nothing, so that it is compiled.
  split(text, length);
  tidyUp();
  fs.writeSync(CONTROL, 'R');
  for (let got; (got = fs.readSync(CONTROL, text, length, text.length - length)) > 0;) {
    length += got;
    if (length === text.length) text = Buffer.concat([text, Buffer.alloc(length)]);
  }
  fs.closeSync(CONTROL);
  return split(text, length);
}

/** Of bytes, the words that end with a NUL. */
function split(text, length) {
  return text.toString('utf8', 0, length).split('\0').slice(0, -1);
}

/** The clocks that count from the start of the process shall not count the time from now to `start()`. */
function startClocksLater() {
  const { uptime } = process;
  const prototype = Object.getPrototypeOf(performance);
  const { now } = prototype;
  const timeOrigin = Object.getOwnPropertyDescriptor(prototype, 'timeOrigin');
  const stopped = now.call(performance);
  let waited = 0;
  process.uptime = named('uptime', () => uptime() - waited / 1000);
  replace(prototype, 'now', { value: named('now', function () { return now.call(this) - waited; }) });
  replace(prototype, 'timeOrigin', { get() { return timeOrigin.get.call(this) + waited; } });
  const clocks = { start: () => { waited = now.call(performance) - stopped; } };
  clocks.start();
  return clocks;
}

function replace(object, name, changes) {
  Object.defineProperty(object, name, { ...Object.getOwnPropertyDescriptor(object, name), ...changes });
}

function named(name, fn) {
  return Object.defineProperty(fn, 'name', { value: name });
}

/**
 * Ends the process as soon as its natural end has come, without taking the heap apart.
 *
 * Node looks `emit` up to tell of the exit. Where nobody listens, no exit code was set and the main file is no module
 * that may still be awaiting something, all that follows is the exit with code 0.
 */
function endEarly() {
  const { reallyExit } = process;
  const { emit } = require('events').prototype;
  const quit = quickEnd();
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

/** A function that ends the process like an exit with code 0 but sooner, if it is sure that nothing can be told from it. */
function quickEnd() {
  const fs = require('fs');
  const { fstatSync } = fs;
  const { dlopen, moduleLoadList } = process;
  const atStart = [];
  try {
    for (const stream of [0, 1, 2]) {
      const flags = /^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${stream}`, 'latin1'))[1];
      // At a terminal there would be more to put back.
      if (parseInt(flags, 8) & fs.constants.O_NONBLOCK || require('tty').isatty(stream)) return () => {};
      atStart.push(fstatSync(stream));
    }
  } catch {
    return () => {};
  }
  const modulesAtStart = moduleLoadList.length;
  const library = `${__dirname}/quit.node`;
  return () => {
    // These may have more to say at the end.
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
      // If this returns, it throws: there is no addon in it.
      dlopen.call(process, { exports: {} }, library);
    } catch {
      // It ends in the usual way, then.
    }
  };
}
