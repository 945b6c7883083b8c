// Works through a recording in node and prints what the module found.

import { readFileSync } from 'node:fs';

const [script, module, recording, passes] = process.argv.slice(2);
// As data, because node takes a bare .js file for CommonJS.
const source = readFileSync(script).toString('base64');
const bench = await import(`data:text/javascript;base64,${source}`);
await bench.default({ module_or_path: readFileSync(module) });
process.stdout.write(bench.measure(readFileSync(recording), Number(passes)));
