/** @file The peers' packages, installed when they are first needed and again when their lock file changes. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { npmCommand } from '../../src/datasets/packages/npm.js';
import { PROJECT } from './side.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const DONE = join(HERE, 'node_modules', '.bench-peers');

/** Installs exactly what the lock file says; no package's own scripts are run. */
export function installPeers(): void {
  const lock = createHash('sha256')
    .update(readFileSync(join(HERE, 'package-lock.json')))
    .digest('hex');
  if (existsSync(DONE) && readFileSync(DONE, 'utf8') === lock) return;
  process.stderr.write('installing the peers into bench/peers/node_modules (about 600 MB, this once)\n');
  const { file, args, shell } = npmCommand();
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const { status } = spawnSync(file, [...args, ...options], { cwd: HERE, stdio: [...stdio], shell });
  if (status !== 0) throw new Error(`npm ci failed in ${HERE}; its own message is above`);
  writeFileSync(DONE, lock);
}

const manifest = z.object({ version: z.string() });

/** "name version" of an installed package, and whose it is where both have one. */
export function versionOf(name: string, owner: 'peers' | 'project' = 'peers'): string {
  const root = owner === 'peers' ? HERE : PROJECT;
  const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
  return `${name} ${manifest.parse(JSON.parse(text)).version}`;
}
