/** Where the AWS SDK comes from: required as Lambda's runtime has it, or imported where it cannot be required. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { pathToFileURL } from "node:url";

const place = mkdtempSync(join(tmpdir(), "invoke-once-sdk-"));
after(() => rmSync(place, { recursive: true }));

/** A project with `sdk.js` and a client package of these files. */
async function project(name, packed) {
  const client = join(place, name, "node_modules/@aws-sdk/client-dynamodb");
  mkdirSync(client, { recursive: true });
  cpSync(new URL("../../src/store/sdk.js", import.meta.url), join(place, name, "sdk.mjs"));
  for (const [file, content] of Object.entries(packed)) writeFileSync(join(client, file), content);
  return import(pathToFileURL(join(place, name, "sdk.mjs")));
}

test("it is required where it is CommonJS: its parts are not looked for twice", async () => {
  const { dynamoClient } = await project("commonjs", {
    "package.json": '{"main": "index.cjs"}', "index.cjs": "exports.DynamoDBClient = class { constructor(config) { this.config = config; } };",
  });
  const { sdk, client } = await dynamoClient();
  assert.equal("default" in sdk, false, "it was imported");
  assert.equal(client.config.requestHandler.throwOnRequestTimeout, true);
});

test("it is imported where it cannot be required", async () => {
  const { dynamoClient } = await project("modules", {
    "package.json": '{"type": "module", "exports": {"import": "./index.js"}}', "index.js": "export class DynamoDBClient {}",
  });
  const { sdk, client } = await dynamoClient();
  assert.ok(client instanceof sdk.DynamoDBClient);
});
