/**
 * @file Which names of archive entries are taken: plain relative paths that mean the same everywhere.
 */

/** Longest path taken: that of Linux, and no archive of code comes near it. */
const LONGEST_NAME = 4096;

/**
 * Why an entry's name is refused; null if it is fine.
 *
 * @param name As the archive has it, with forward slashes; a slash at the end marks a folder.
 * @example refusedName('a/../b') // => 'leads out of the archive'
 */
export function refusedName(name: string): string | null {
  if (name === '') return 'is empty';
  if (name.length > LONGEST_NAME) return `is longer than ${LONGEST_NAME} characters`;
  if (name.includes('\0')) return 'holds a NUL character';
  if (name.includes('\\')) return 'holds a backslash, which is a separator on Windows';
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) return 'is absolute';
  if (name.split('/').includes('..')) return 'leads out of the archive';
  return null;
}

/** The path of a name without "." and empty parts, so that one file has one path. */
export function plainPath(name: string): string {
  return name
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
