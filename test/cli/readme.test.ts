import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createProgram } from '../../src/cli/main.js';
import { processShell } from '../../src/cli/terminal/shell.js';

const text = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** The command lines in a document's shell blocks, comments cut off. */
function commandLines(markdown: string): string[] {
  return [...markdown.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap((block) => block[1]!.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line.startsWith('llava-eval '));
}

for (const document of [
  'README.md',
  'datasets/README.md',
  'docs/gate.md',
  'docs/latency.md',
  'docs/metrics.md',
  'docs/models.md',
  'docs/retrieval.md',
  'docs/scaling.md',
]) {
  test(`every command and option shown in ${document} exists`, () => {
    const program = createProgram(processShell());
    const lines = commandLines(text(document));
    assert.ok(lines.length > 0);
    for (const line of lines) {
      const words = line.split(/\s+/).slice(1);
      let command = program;
      for (let next = words[0]; ; next = words[0]) {
        const found = command.commands.find((candidate) => candidate.name() === next);
        if (found === undefined) break;
        command = found;
        words.shift();
      }
      assert.notEqual(command, program, `no such command: ${line}`);
      const known = new Set(command.options.map((option) => option.long));
      for (const flag of words.filter((word) => word.startsWith('--')))
        assert.ok(known.has(flag), `${flag}: ${line}`);
    }
  });
}

test('the scripts that the README names exist', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
  for (const [, script] of text('README.md').matchAll(/npm (?:run )?(start|test|verify)/g)) {
    assert.ok(script !== undefined && script in scripts, script);
  }
});
