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
  warmUp();
  endEarly();
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

/** Loads and compiles what most programs use first: the loader, the console, how values and errors are shown, pipes. */
function warmUp() {
  const { Console } = require('console');
  const { Socket } = require('net');
  const util = require('util');
  require('tty').isatty(1);

  const nowhere = { write: () => true, on() {}, once() {}, removeListener() {}, listenerCount: () => 0 };
  // Without colours: to find out about them Node opens process.stderr.
  const console = new Console({ stdout: nowhere, colorMode: false });
  console.log('%s %d %o', 'a', 1, { list: [1, 'b', null, undefined, true] });
  console.error(new Error('never seen').stack);
  util.inspect(new Map([[1, new Set(['a'])]]));
  // Without a handle: nothing is opened, and nothing counted as an asynchronous resource.
  new Socket({ readable: false, writable: true });

  const exercise = require.resolve('./exercise.cjs');
  require(exercise);
  delete require.cache[exercise];
  const paths = module.constructor._pathCache;
  for (const key of Object.keys(paths)) {
    if (paths[key] === exercise) delete paths[key];
  }
}

/** The words of the command line; none if the other end was closed without any. */
function waitForWords() {
  const fs = require('fs');
  fs.writeSync(CONTROL, 'R');
  const pieces = [];
  const piece = Buffer.alloc(65536);
  for (let length; (length = fs.readSync(CONTROL, piece)) > 0;) {
    pieces.push(Buffer.from(piece.subarray(0, length)));
  }
  fs.closeSync(CONTROL);
  return Buffer.concat(pieces).toString().split('\0').slice(0, -1);
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
  Object.defineProperty(Object.getPrototypeOf(process), 'emit', {
    configurable: true,
    enumerable: false,
    get() {
      if (process._exiting && process.exitCode === undefined && process._events?.exit === undefined &&
          process.mainModule !== undefined && this === process) {
        reallyExit.call(process, 0);
      }
      return emit;
    },
    set(value) {
      Object.defineProperty(this, 'emit', { value, writable: true, enumerable: true, configurable: true });
    },
  });
}
