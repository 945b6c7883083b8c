// Works through a recording in node and prints the module's results.

import { readFileSync } from 'node:fs';

const [script, module, recording, passes] = process.argv.slice(2);
// The script is imported as a data URL, because node takes a bare .js file for CommonJS.
const source = readFileSync(script).toString('base64');
const bench = await import(`data:text/javascript;base64,${source}`);
await bench.default({ module_or_path: readFileSync(module) });
process.stdout.write(bench.measure(readFileSync(recording), Number(passes)));
