// A client of Piston from npm, unchanged: `piston.mjs URL` with the URL of webd.

import piston from "piston-client";

let failed = 0;
const equal = (name, actual, expected) => {
  if (JSON.stringify(actual) === JSON.stringify(expected)) return;
  failed += 1;
  console.log(`piston-client: ${name}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
};

const client = piston({ server: process.argv[2] });
const runtimes = await client.runtimes();
equal("runtimes", runtimes.some(({ language, runtime }) => language === "javascript" && runtime === "node"), true);
const hello = await client.execute("python", "import sys; print(sys.argv[1:])");
equal("execute", [hello.run?.stdout, hello.language], ["['1', '2', '3']\n", "python"]);
const files = [{ name: "main.js", content: "require('./lib.js')" }, { name: "lib.js", content: "console.log(6 * 7)" }];
const several = await client.execute({ language: "javascript", version: "18.15.0", files });
equal("files", several.run?.output, "42\n");
const unknown = await client.execute({ language: "cobol", version: "1.0.0", files });
equal("unknown language", unknown.message, "cobol-1.0.0 runtime is unknown");
process.exit(failed ? 1 : 0);
