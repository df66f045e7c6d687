/**
 * Generates the types of the API's messages from webd's OpenAPI description. `npm run types` writes them to
 * clients/typescript/src/types.ts, and a unit test compares that file with the description.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import { format, resolveConfig } from "prettier";

const DESCRIPTION = new URL("../../src/api/openapi.json", import.meta.url);
const TYPES = new URL("../../../clients/typescript/src/types.ts", import.meta.url);
const HEADER = `/**
 * Types of the API's messages. Generated from webd/src/api/openapi.json by \`npm run types\`; do not edit.
 */

`;

/** Returns the content of the generated file. */
export async function generateTypes() {
  const description = JSON.parse(await readFile(DESCRIPTION, "utf8"));
  // Only schemas, and without prose: a changed sentence changes no type.
  const schemas = withoutProse(description.components.schemas);
  const types = await openapiTS(
    { openapi: description.openapi, info: description.info, paths: {}, components: { schemas } },
    { defaultNonNullable: false, exportType: true },
  );
  const path = fileURLToPath(TYPES);
  const config = await resolveConfig(path);
  return format(HEADER + astToString(types), { ...config, filepath: path });
}

function withoutProse(schemas) {
  return JSON.parse(
    JSON.stringify(schemas, (key, value) =>
      ["description", "examples", "default"].includes(key) && !isSchema(value) ? undefined : value,
    ),
  );
}

/** A property may be called like one of the keys. */
function isSchema(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(TYPES, await generateTypes());
}
