/**
 * @file A copy of the program's sources to which a test adds a file and a line, and which it then runs.
 */

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileTests } from '../../scripts/compile-tests.mjs';
import type { Finished } from './program.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Large folders that the copy only reads. */
const SHARED = ['node_modules', 'models', 'datasets', 'dist'];

const COMPILED = 'compiled';
const CLI = 'src/cli/bin.ts';

export class ProgramCopy {
  /** Its root folder. */
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static make(): ProgramCopy {
    // The compiler names files by their real paths.
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'llava-eval-copy-')));
    cpSync(join(PROJECT, 'src'), join(root, 'src'), { recursive: true });
    for (const part of ['support', 'contract', 'datasets']) {
      cpSync(join(PROJECT, 'test', part), join(root, 'test', part), { recursive: true });
    }
    for (const file of ['package.json', 'tsconfig.json']) cpSync(join(PROJECT, file), join(root, file));
    for (const folder of SHARED) symlinkSync(join(PROJECT, folder), join(root, folder), 'junction');
    return new ProgramCopy(root);
  }

  /** Writes a new file. */
  add(path: string, text: string): void {
    writeFileSync(join(this.root, path), text, { flag: 'wx' });
  }

  /**
   * Adds one entry to a list, and its import.
   *
   * @param list The file of the list, whose entries end with the first line that begins with `end`.
   */
  enlist(list: string, { name, constant, from, end }: Enlisted): void {
    const path = join(this.root, list);
    const text = readFileSync(path, 'utf8');
    const entries = text.indexOf(`\n${end}`);
    const imports = text.indexOf('\nimport ');
    if (entries < 0 || imports < 0) throw new RangeError(`${list} is no list that ends with "${end}"`);
    writeFileSync(
      path,
      `${text.slice(0, imports)}\nimport { ${constant} } from '${from}';${text.slice(imports, entries)}\n` +
        `  '${name}': ${constant},${text.slice(entries)}`,
    );
  }

  /** Replaces a text that must be there. */
  edit(path: string, before: string, after: string): void {
    const file = join(this.root, path);
    const text = readFileSync(file, 'utf8');
    if (!text.includes(before)) throw new RangeError(`${path} does not hold "${before}"`);
    writeFileSync(
      file,
      text.replace(before, () => after),
    );
  }

  /**
   * Compiles the program, and other files that are run, as they are now.
   *
   * @param files Test files, and scripts.
   */
  async compile(...files: readonly string[]): Promise<void> {
    const entries = Object.fromEntries([CLI, ...files].map((file) => [file.replace(/\.ts$/, ''), [file]]));
    await compileTests(entries, COMPILED, this.root);
  }

  /** Runs `llava-eval` of the copy as it was compiled. */
  llavaEval(...args: readonly string[]): Promise<Finished> {
    return this.script(CLI, ...args);
  }

  /** Runs the suites of one compiled test file whose names match. */
  test(file: string, pattern: string): Promise<Finished> {
    return this.#node('--test-reporter=tap', '--test-name-pattern', pattern, compiled(file));
  }

  /** Runs a compiled script. */
  script(file: string, ...args: readonly string[]): Promise<Finished> {
    return this.#node(compiled(file), ...args);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #node(...args: readonly string[]): Promise<Finished> {
    const env = { ...process.env };
    // A test runner that finds itself inside another one reports to that one alone.
    delete env.NODE_TEST_CONTEXT;
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, {
        cwd: this.root,
        env: { ...env, LLAVA_EVAL_CACHE: join(this.root, 'cache') },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => {
        resolve({ code, stdout, stderr });
      });
    });
  }
}

const compiled = (file: string): string => `${COMPILED}/${file.replace(/\.ts$/, '.js')}`;

export interface Enlisted {
  readonly name: string;
  /** What the new file exports. */
  readonly constant: string;
  /** The new file as the list imports it. */
  readonly from: string;
  /** How the line begins that closes the list. */
  readonly end: string;
}
