import { expect, test } from "vitest";
import { type Connection, type InputMessage, InputQueue, MAX_QUEUED_BYTES } from "@executor/client";
import { keySequence, type Key } from "../../src/terminal/key-capture";

/** A connection that records what is sent. */
function recorder(): { connection: Connection; sent: string[] } {
  const sent: string[] = [];
  const connection: Connection = {
    sendInput: (data) => sent.push(typeof data === "string" ? data : `bytes ${data.join(" ")}`),
    endInput: () => sent.push("end of input"),
    sendSignal: (signal) => sent.push(`signal ${signal}`),
    resize: ({ columns, rows }) => sent.push(`resize ${columns}x${rows}`),
    cancel: () => sent.push("cancel"),
  };
  return { connection, sent };
}

const input = (data: string | Uint8Array): InputMessage => ({ type: "input", data });
const END: InputMessage = { type: "end_of_input" };
const INTERRUPT: InputMessage = { type: "signal", signal: "INT" };
const resize = (columns: number): InputMessage => ({ type: "resize", size: { columns, rows: 24 } });

test("messages before the connection opens are sent in order when it does", () => {
  const { connection, sent } = recorder();
  const queue = new InputQueue();
  for (const message of [input("a\n"), input(new Uint8Array([255])), INTERRUPT, input("b"), END]) {
    expect(queue.push(message)).toBe(true);
  }
  expect(sent).toEqual([]);
  queue.open(connection);
  expect(sent).toEqual(["a\n", "bytes 255", "signal INT", "b", "end of input"]);
});

test("an open queue sends each message immediately and once", () => {
  const { connection, sent } = recorder();
  const queue = new InputQueue();
  queue.push(input("before"));
  queue.open(connection);
  queue.open(connection);
  queue.push(input("after"));
  queue.push(INTERRUPT);
  expect(sent).toEqual(["before", "after", "signal INT"]);
});

test("only the latest terminal size waits", () => {
  const { connection, sent } = recorder();
  const queue = new InputQueue();
  for (const message of [resize(80), input("x"), resize(100), resize(120)]) queue.push(message);
  queue.open(connection);
  expect(sent).toEqual(["x", "resize 120x24"]);
});

test("a waiting queue is bounded, and an open one is not", () => {
  const { connection, sent } = recorder();
  const queue = new InputQueue();
  expect(queue.push(input("x".repeat(MAX_QUEUED_BYTES)))).toBe(false);
  expect(queue.push(input("ü".repeat(MAX_QUEUED_BYTES / 3)))).toBe(false);
  let accepted = 0;
  while (queue.push(input("x"))) accepted++;
  expect(accepted).toBeGreaterThan(10_000);
  expect(accepted).toBeLessThan(MAX_QUEUED_BYTES / 64);
  for (let columns = 1; columns < 1000; columns++) queue.push(resize(columns));
  queue.open(connection);
  expect(sent.length).toBe(accepted);
  expect(queue.push(input("x".repeat(2 * MAX_QUEUED_BYTES)))).toBe(true);
});

test("a closed queue sends nothing", () => {
  const { connection, sent } = recorder();
  const queue = new InputQueue();
  queue.push(input("x"));
  queue.close();
  queue.open(connection);
  expect(queue.push(input("y"))).toBe(false);
  expect(sent).toEqual([]);
});

test("keys pressed before the terminal is loaded send what the terminal would send", () => {
  const key = (name: string, modifiers: Partial<Key> = {}) =>
    keySequence({
      key: name,
      ctrlKey: false,
      altKey: false,
      metaKey: false,
      shiftKey: false,
      ...modifiers,
    });
  const ctrlKey = true;
  expect(key("Enter")).toBe("\r");
  expect(key("Backspace")).toBe("\x7f");
  expect(key("Tab")).toBe("\t");
  expect(key("ArrowUp")).toBe("\x1b[A");
  expect(key("c", { ctrlKey })).toBe("\x03");
  expect(key("D", { ctrlKey })).toBe("\x04");
  expect(key("z", { ctrlKey })).toBe("\x1a");
  // Text is typed into the field; the rest belongs to the page and the browser.
  for (const left of ["a", "ü", "Dead", "Process", "F5", "Shift", "constructor"]) {
    expect(key(left), left).toBeNull();
  }
  expect(key("Enter", { ctrlKey })).toBeNull();
  expect(key("v", { metaKey: true })).toBeNull();
  expect(key("v", { ctrlKey, shiftKey: true })).toBeNull();
  expect(key("Escape", { shiftKey: true })).toBeNull();
  expect(key("Tab", { shiftKey: true })).toBeNull();
});
