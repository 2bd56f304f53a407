import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/main.js';
import { loadPlugins } from '../../src/plugins/load.js';
import { processShell } from '../../src/cli/terminal/shell.js';

const ROOT = new URL('../../', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

/** Fewest command lines in the code blocks of a document, so that a block which is no longer read is noticed. */
const FEWEST: Readonly<Record<string, number>> = {
  'README.md': 15,
  'datasets/README.md': 6,
  'docs/gate.md': 8,
  'docs/latency.md': 4,
  'docs/metrics.md': 2,
  'docs/models.md': 4,
  'docs/retrieval.md': 4,
  'docs/scaling.md': 3,
};

const DOCUMENTS = [
  ...new Set([
    ...Object.keys(FEWEST),
    ...readdirSync(new URL('docs', ROOT))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]),
];

/** A line of a code block that runs the program, taken apart. */
interface Shown {
  readonly line: string;
  /** The arguments of `llava-eval`. */
  readonly argv: readonly string[];
  /** What stands behind `#`; empty if nothing does. */
  readonly comment: string;
}

/** The program's name as a word of its own, with an argument behind it; also behind `npx`, `run:` or a variable. */
const CALL = /(?<![\w./-])llava-eval (?=[a-z-])/;

/** A `#` behind white space begins a comment, unless it stands in quotes. */
const COMMAND_AND_COMMENT = /^((?:"[^"]*"|'[^']*'|[^"'#]|(?<=\S)#)*?)(?:(?:^|\s)#\s?(.*))?$/;

/**
 * The calls of the program in the fenced blocks of a document, whatever language a fence names.
 *
 * A backslash at the end of a line joins it to the next.
 */
function shownCommands(markdown: string): Shown[] {
  return [...markdown.matchAll(/^ *```[^\n]*\n([^]*?)^ *```/gm)]
    .flatMap((block) => block[1]!.replace(/\\\n\s*/g, ' ').split('\n'))
    .flatMap((line) => {
      const [, command = line, comment = ''] = COMMAND_AND_COMMENT.exec(line) ?? [];
      const call = CALL.exec(command);
      return call === null ? [] : [{ line, argv: words(command.slice(call.index)).slice(1), comment }];
    });
}

/** Words as a shell separates them, up to a pipe, a list or a redirection; `…` stands for more of the same. */
function words(command: string): string[] {
  const [simple] = command.split(/ (?:\||\|\||&&|;|>|2>)(?: |$)/);
  return [...simple!.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)]
    .map((word) => word[1] ?? word[2] ?? word[3]!)
    .filter((word) => word !== '…')
    .map((word) => word.replace(/^\[(.*)\]$/, '$1'));
}

/** One for all programs here, since each listens to the signals of the process. */
const SHELL = processShell();

/** The program with commands that do nothing: what is left is the reading of the command line. */
function inertProgram(): Command {
  const program = createProgram(SHELL);
  const still = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    if (command.commands.length === 0) command.action(() => undefined);
    command.commands.forEach(still);
  };
  still(program);
  return program;
}

/** Reads a command line as the program would: commands, flags, their values, and the number of arguments. */
function parse(argv: readonly string[]): void {
  inertProgram().parse(argv, { from: 'user' });
}

/** The command that a line names, sub-commands followed; null if it names none. */
function commandOf(argv: readonly string[]): Command | null {
  let command = inertProgram();
  let depth = 0;
  for (const word of argv) {
    const found = command.commands.find((candidate) => candidate.name() === word);
    if (found === undefined) break;
    command = found;
    depth++;
  }
  return depth === 0 ? null : command;
}

/** A flag in running text belongs to the command that the text names last, or else to that of its line. */
function strayFlags({ argv, comment }: Shown): string[] {
  const [own, ...others] = comment.split(CALL);
  return [
    { command: commandOf(argv), said: own! },
    ...others.map((said) => ({ command: commandOf(said.split(/\s+/)), said })),
  ].flatMap(({ command, said }) =>
    [...said.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)]
      .map(([flag]) => flag)
      .filter((flag) => command?.options.some((option) => option.long === flag) !== true),
  );
}

describe('the command lines of the documents', () => {
  // The documents show the names that an example brings.
  before(() => loadPlugins([fileURLToPath(new URL('examples/one-line-summaries.js', ROOT))]));

  for (const document of DOCUMENTS) {
    test(`${document} shows at least ${FEWEST[document] ?? 0}, and the program accepts each of them`, () => {
      const shown = shownCommands(text(document));
      const fewest = FEWEST[document] ?? 0;
      assert.ok(shown.length >= fewest, `${shown.length} of at least ${fewest} command lines found`);
      for (const one of shown) {
        assert.doesNotThrow(() => {
          parse(one.argv);
        }, one.line);
        assert.deepEqual(strayFlags(one), [], one.line);
        for (const other of one.comment.split(CALL).slice(1)) {
          assert.ok(commandOf(other.split(/\s+/)) !== null, `a comment names no command: ${one.line}`);
        }
      }
    });

    test(`${document} names no command in running text that does not exist`, () => {
      for (const [whole, span] of text(document).matchAll(/`(llava-eval [a-z][^`\n]*)`/g)) {
        const argv = words(span!).slice(1);
        const command = commandOf(argv);
        assert.ok(command !== null, whole);
        const flags = argv.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0]!);
        for (const flag of flags)
          assert.ok(
            command.options.some(({ long }) => long === flag),
            whole,
          );
      }
    });
  }

  test('are found in blocks of every language, behind npx, with comments, and over two lines', () => {
    const markdown = [
      'llava-eval outside',
      '```sh',
      'llava-eval run --limit all   # … and: llava-eval merge a … --out b',
      '# llava-eval commented',
      'llava-eval gate results/a --reason "a # b" # why',
      '```',
      '  ```yaml',
      '      - run: npx llava-eval doctor',
      '```',
      '```console',
      '$ HF_HUB_OFFLINE=1 llava-eval score \\',
      '    --json | jq .em',
      'node llava-eval/main.js',
      '```',
    ].join('\n');
    assert.deepEqual(
      shownCommands(markdown).map(({ argv, comment }) => [argv, comment]),
      [
        [['run', '--limit', 'all'], '… and: llava-eval merge a … --out b'],
        [['gate', 'results/a', '--reason', 'a # b'], 'why'],
        [['doctor'], ''],
        [['score', '--json'], ''],
      ],
    );
  });

  for (const [wrong, argv] of Object.entries({
    'a command that does not exist': ['runs'],
    'a sub-command that does not exist': ['datasets', 'fetch'],
    'a flag that does not exist': ['run', '--limits', '3'],
    'a flag without its value': ['run', '--limit'],
    'a value that is no choice': ['run', '--device', 'gpu'],
    'a value of a list that is no choice': ['run', '--retrievers', 'bm25,bm26'],
    'a number that is none': ['run', '--top-k', 'ten'],
    'an argument too many': ['doctor', 'now'],
    'an argument too few': ['report'],
  })) {
    test(`would be refused for ${wrong}`, () => {
      assert.throws(() => {
        parse(argv);
      });
    });
  }

  test('would be refused for a flag in a comment that the command does not have', () => {
    const flags = (comment: string): string[] => strayFlags({ line: '', argv: ['doctor'], comment });
    assert.deepEqual(flags('also --bench, and --json'), []);
    assert.deepEqual(flags('also --top-k'), ['--top-k']);
    assert.deepEqual(flags('--json; llava-eval run --top-k 3'), []);
    assert.deepEqual(flags('--json; llava-eval run --bench'), ['--bench']);
  });
});

test('the npm scripts that the documents name exist', () => {
  const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };
  const named = DOCUMENTS.flatMap((document) =>
    [...text(document).matchAll(/\bnpm (?:run ([a-z][\w:-]*)|(start|test)\b)/g)].map(([, run, short]) => ({
      document,
      script: run ?? short!,
    })),
  );
  const inReadme = named.filter(({ document }) => document === 'README.md');
  assert.ok(inReadme.length >= 3 && named.length >= 15, `${inReadme.length} and ${named.length} found`);
  assert.deepEqual(
    named.filter(({ script }) => !(script in scripts)),
    [],
  );
});
