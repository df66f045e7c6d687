// The reference clients of the Model Context Protocol from npm, unchanged: that for its revisions with sessions, and that for
// the revision without. `mcp.mjs http URL KEY` for webd, `mcp.mjs stdio EXECUTOR SOCKET` for the command line. The daemon
// must have one slot, as for mcp_client.py.

import { Client as Client2, StreamableHTTPClientTransport as Http2 } from "@modelcontextprotocol/client";
import { StdioClientTransport as Stdio2 } from "@modelcontextprotocol/client/stdio";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as Stdio1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as Http1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [kind, first, second] = process.argv.slice(2);
const LIMITS = { cpu_ms: 60_000, wall_ms: 120_000, memory_bytes: 512 * 1024 * 1024 };
const SINE = `
import math, matplotlib
matplotlib.use("Agg")
from matplotlib import pyplot
x = [i / 50 for i in range(400)]
pyplot.plot(x, [math.sin(v) for v in x])
pyplot.savefig("sine.png")
`;
let passed = 0;
let failed = 0;
let current = "";
const equal = (name, actual, expected) => {
  if (JSON.stringify(actual) === JSON.stringify(expected)) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`${current}: ${name}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
  }
};

const connect = async (Client, Http, Stdio, options) => {
  const client = new Client({ name: "test", version: "1" }, options);
  const transport =
    kind === "http"
      ? new Http(new URL(first), { requestInit: { headers: { Authorization: `Bearer ${second}` } } })
      : new Stdio({ command: first, args: ["--socket", second, "mcp"] });
  await client.connect(transport);
  return client;
};

const check = async (client, call) => {
  const { tools } = await client.listTools();
  equal("tools", tools.map(({ name }) => name).sort(), ["list_languages", "run_code", "run_tests"]);
  const hello = await call("run_code", { language: "javascript", code: "console.log('hello')" });
  equal("javascript", hello.structuredContent.stdout, "hello\n");
  const plot = await call("run_code", { language: "python", code: SINE, limits: LIMITS });
  equal("image", plot.content.map(({ type, mimeType }) => [type, mimeType]), [["text", null], ["image", "image/png"]]);
  const tests = [{ input: "1", expected_output: "1" }, { input: "2", expected_output: "1" }];
  const judged = await call("run_tests", { language: "python", code: "print(input())", tests });
  equal("verdicts", judged.structuredContent.tests.map(({ verdict }) => verdict), ["accepted", "wrong_answer"]);
  const code = "#include <answer/answer.h>\nint main(void) { return ANSWER; }";
  const chosen = await call("run_code", { language: "c", code, packages: "numbers" });
  equal("packages", chosen.structuredContent.exit_code, 42);
  const wrong = await call("run_code", { language: "python" });
  equal("wrong arguments", [wrong.isError, /`code` or `files` is required/.test(wrong.content[0].text)], [true, true]);

  // A call that is aborted makes room for the next one.
  const abort = new AbortController();
  const endless = "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.1)";
  let output = "";
  const onprogress = ({ message }) => {
    output += message;
    if (output.includes("ready")) abort.abort();
  };
  const options = { signal: abort.signal, onprogress, timeout: 100_000 };
  const aborted = await call("run_code", { language: "python", code: endless, limits: LIMITS }, options).then(
    () => "finished",
    () => "aborted",
  );
  equal("abort", [aborted, output.includes("ready")], ["aborted", true]);
  const started = Date.now();
  const next = await call("run_code", { language: "python", code: "print(1)" });
  equal("after abort", [next.structuredContent.stdout, Date.now() - started < 60_000], ["1\n", true]);
};

current = `@modelcontextprotocol/sdk, ${kind}`;
const old = await connect(Client1, Http1, Stdio1);
await check(old, (name, args, options) => old.callTool({ name, arguments: args }, undefined, options));
await old.close();
for (const mode of ["legacy", "auto"]) {
  current = `@modelcontextprotocol/client, ${kind}, ${mode}`;
  const client = await connect(Client2, Http2, Stdio2, { versionNegotiation: { mode } });
  await check(client, (name, args, options) => client.callTool({ name, arguments: args }, options));
  await client.close();
}
console.log(`${passed} checks passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
