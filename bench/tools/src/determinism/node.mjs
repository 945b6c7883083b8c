// Loads the modules and evaluates the expressions that lines of JSON ask for, and answers each with a line of JSON.

const { readFileSync } = await import('node:fs');
const { createInterface } = await import('node:readline');

async function load([script, wasm]) {
  // As data, because node takes a bare .js file for CommonJS. The comment makes node read a module anew.
  const source = `${readFileSync(script, 'utf8')}\n// ${performance.now()}`;
  globalThis.run = null;
  globalThis.games = await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`);
  await games.default({ module_or_path: readFileSync(wasm) });
  return true;
}

const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const question = JSON.parse(line);
    answer({ value: (question.load ? await load(question.load) : (0, eval)(question.eval)) ?? null });
  } catch (error) {
    answer({ error: String(error) });
  }
}
