// Prints one hash per tick of a game, worked out by the client's module in node.

import { readFileSync } from 'node:fs';

const [script, module, game, seed, ticks, rollbacks] = process.argv.slice(2);
// As data, because node takes a bare .js file for CommonJS.
const source = readFileSync(script).toString('base64');
const client = await import(`data:text/javascript;base64,${source}`);
await client.default({ module_or_path: readFileSync(module) });
const hashes = client.determinism(game, Number(seed), Number(ticks), rollbacks === 'true');
process.stdout.write(`${hashes.join('\n')}\n`);
