// Evaluates what each line asks, with the module of games at hand, and answers with a line of JSON.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [script, wasm] = process.argv.slice(2);
// As data, because node takes a bare .js file for CommonJS.
const source = readFileSync(script).toString('base64');
globalThis.games = await import(`data:text/javascript;base64,${source}`);
await games.default({ module_or_path: readFileSync(wasm) });
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  try {
    answer({ value: (0, eval)(line) ?? null });
  } catch (error) {
    answer({ error: String(error) });
  }
}
