/**
 * @file A hand-made record of every JSON schema, all holes in one small file, and what a loader must make
 * of it. Nothing here is from a published set.
 */

import type { FormatName } from '../../src/datasets/formats/all.js';
import type { Language } from '../../src/domain/task.js';

/** The file that the records are cut from; a form feed, U+2028 and CRLF are in its lines. */
export const FILE_TEXT =
  'import os\n\n\ndef area(w, h):\n    "page\f break \u2028 here"\r\n    size = w * h\n    return size\n';

const HOLE = '    size = w * h';
const AT = FILE_TEXT.indexOf(HOLE);

export interface Sample {
  readonly format: FormatName;
  /** Which of the published newline conventions the record has. */
  readonly convention: 'indentation in the prompt' | 'whole line' | 'line with newline';
  readonly language: Language;
  /** How many tasks one record gives. */
  readonly tasks: number;
  /** Text that `prefix + reference + suffix` must be part of. */
  readonly text: string;
  readonly record: (n: number) => Record<string, unknown>;
  /** Whether the record ships chunks, and whether it holds its repository. */
  readonly ships: boolean;
  readonly holdsRepository: boolean;
  /** Whether a record names its tasks itself; otherwise they are called after its row. */
  readonly namesTasks: boolean;
  /** A field without which no record of the schema is usable, dotted. */
  readonly needed: string;
}

const indented = {
  prompt: FILE_TEXT.slice(0, AT + 4),
  groundtruth: HOLE.slice(4),
  right_context: FILE_TEXT.slice(AT + HOLE.length),
};
const wholeLine = { ...indented, prompt: FILE_TEXT.slice(0, AT), groundtruth: HOLE };
const withNewline = {
  ...wholeLine,
  groundtruth: `${HOLE}\n`,
  right_context: FILE_TEXT.slice(AT + HOLE.length + 1),
};

/** The text block of one chunk, as Repoformer and CrossCodeEval write it. */
export function blockOf(
  mark: '#' | '//',
  ...chunks: readonly (readonly [path: string, text: string])[]
): string {
  const fragments = chunks.map(
    ([path, text]) =>
      `${mark} the below code fragment can be found in:\n${mark} ${path}\n` +
      text
        .split('\n')
        .map((line) => `${mark} ${line}\n`)
        .join('') +
      '\n',
  );
  return `${mark} Here are some relevant code fragments from other files of the repo:\n\n${fragments.join('')}`;
}

export const SAMPLES: readonly Sample[] = [
  {
    format: 'llava-eval',
    ships: false,
    holdsRepository: false,
    namesTasks: true,
    convention: 'indentation in the prompt',
    language: 'python',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'metadata.file',
    record: (n) => ({
      ...indented,
      metadata: { task_id: `own/${n}`, repository: 'shapes', file: 'pkg/area.py' },
    }),
  },
  {
    format: 'cceval',
    ships: true,
    holdsRepository: false,
    namesTasks: true,
    convention: 'indentation in the prompt',
    language: 'csharp',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'groundtruth',
    record: (n) => ({
      ...indented,
      metadata: {
        task_id: `project_cc_csharp/${n}`,
        repository: 'someone-shapes-0a1b2c3',
        file: 'src/Area.cs',
        context_start_lineno: 0,
        groundtruth_start_lineno: 5,
        right_context_start_lineno: 6,
      },
      crossfile_context: {
        text: blockOf('//', ['src/Unit.cs', 'class Unit {'], ['src/Side.cs', 'class Side {']),
        list: [
          { retrieved_chunk: 'class Unit {', filename: 'src/Unit.cs', score: 0.5 },
          { retrieved_chunk: 'class Side {', filename: 'src/Side.cs', score: 0.25 },
        ],
      },
    }),
  },
  {
    format: 'repoformer',
    ships: true,
    holdsRepository: false,
    namesTasks: true,
    convention: 'indentation in the prompt',
    language: 'python',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'metadata.task_id',
    record: (n) => ({
      ...indented,
      full_left_context: indented.prompt,
      full_right_context: indented.right_context,
      metadata: {
        task_id: `someone_shapes/${n}`,
        filepath: 'someone_shapes/pkg/area.py',
        repository: 'https://example.org/someone/shapes',
        url: 'https://example.org/someone/shapes',
      },
      crossfile_context: blockOf('#', ['someone_shapes/pkg/unit.py', 'UNIT = 1']),
    }),
  },
  {
    format: 'repoformer',
    ships: true,
    holdsRepository: false,
    namesTasks: true,
    convention: 'line with newline',
    language: 'java',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'prompt',
    record: (n) => ({
      ...withNewline,
      metadata: {
        task_id: `java/${n}`,
        filepath: 'shapes/src/Area.java',
        repository: 'shapes',
        url: 'https://example.org/shapes',
      },
      crossfile_context: blockOf('//', ['shapes/src/Unit.java', 'class Unit {}']),
    }),
  },
  {
    format: 'repoeval',
    ships: false,
    holdsRepository: false,
    namesTasks: true,
    convention: 'whole line',
    language: 'python',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'metadata.ground_truth',
    record: (n) => ({
      prompt: wholeLine.prompt,
      metadata: {
        task_id: `someone_shapes/${n}`,
        ground_truth: HOLE,
        fpath_tuple: ['someone_shapes', 'pkg', 'area.py'],
        context_start_lineno: 0,
        line_no: 5,
      },
    }),
  },
  {
    format: 'repobench',
    ships: true,
    holdsRepository: false,
    namesTasks: false,
    convention: 'whole line',
    language: 'python',
    tasks: 1,
    // Imports and code are put together as the benchmark does it.
    text: `import os\ndef area(w, h):\n${HOLE}`,
    needed: 'next_line',
    record: (n) => ({
      repo_name: 'someone/shapes',
      file_path: `pkg/area${n}.py`,
      context: [{ identifier: 'Unit', path: 'pkg/unit.py', snippet: 'UNIT = 1' }],
      import_statement: 'import os',
      token_num: 700,
      cropped_code: 'def area(w, h):\n\n',
      all_code: FILE_TEXT,
      next_line: HOLE,
      gold_snippet_index: 0,
      created_at: '2023-10-07',
      level: '2k',
    }),
  },
  {
    format: 'lca',
    ships: false,
    holdsRepository: true,
    namesTasks: true,
    convention: 'whole line',
    language: 'python',
    tasks: 2,
    text: FILE_TEXT,
    needed: 'completion_file.content',
    record: (n) => ({
      repo: 'someone__shapes',
      commit_hash: `${n}`.padEnd(40, 'c'),
      completion_file: { filename: 'pkg/area.py', content: FILE_TEXT },
      completion_lines: {
        committed: [5],
        inproject: [],
        infile: [6],
        common: [],
        non_informative: [],
        random: [],
      },
      repo_snapshot: { filename: ['pkg/unit.py'], content: ['UNIT = 1\n'] },
    }),
  },
  {
    format: 'llavacode-training',
    ships: true,
    holdsRepository: false,
    namesTasks: false,
    convention: 'line with newline',
    language: 'python',
    tasks: 1,
    text: FILE_TEXT,
    needed: 'crossfile_array',
    record: () => ({ ...withNewline, crossfile_array: ['pkg/unit.py\nUNIT = 1\n', 'pkg/side.py\nSIDE = 2'] }),
  },
];

/** A record without the field of a dotted path. */
export function without(record: Readonly<Record<string, unknown>>, path: string): Record<string, unknown> {
  const copy = structuredClone(record) as Record<string, unknown>;
  const parts = path.split('.');
  const last = parts.pop()!;
  let inner = copy;
  for (const part of parts) inner = inner[part] as Record<string, unknown>;
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a copy made for this
  delete inner[last];
  return copy;
}
