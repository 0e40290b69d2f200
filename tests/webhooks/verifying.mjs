// Verifies messages as receivers do; see verifying.py. LIBRARY is a package, or the path of a module
// that exports `verify` or `verifyV1a`, which takes a secret, or keys, and headers and body.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [library, name] = process.argv.slice(2);
let verify;
if (name) {
  verify = (await import(pathToFileURL(library)))[name];
} else {
  const { Webhook } = createRequire(`${process.cwd()}/`)(library);
  verify = (secret, headers, body) => new Webhook(secret).verify(body, headers);
}
const cases = JSON.parse(readFileSync(0, "utf8"));
const said = cases.map(({ secret, keys, headers, body }) => {
  try {
    verify(keys ?? secret, headers, body);
    return "ok";
  } catch (error) {
    return String(error);
  }
});
process.stdout.write(JSON.stringify(said));
