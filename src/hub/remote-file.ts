/**
 * @file What is known of a file of a repository before it is fetched.
 */

import { z } from 'zod';

/** How the content of a file is known beforehand. */
export type ContentHash =
  /** SHA-256 of the bytes: large files. */
  | { readonly kind: 'sha256'; readonly hex: string }
  /** Git's own hash: files kept in git itself. */
  | { readonly kind: 'git-sha1'; readonly hex: string };

export interface RemoteFile {
  /** Inside the repository, with `/`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly hash: ContentHash;
}

/** So many hexadecimal digits. */
export function hexSchema(digits: number): z.ZodString {
  return z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
}

export const commitSchema = hexSchema(40);

/** Longest path in a repository: that of Linux. Patterns look at paths, and a server may answer anything. */
const MOST_PATH_CHARACTERS = 4096;

/** A path that stays where it is put. */
export const pathSchema = z
  .string()
  .min(1)
  .max(MOST_PATH_CHARACTERS)
  .refine((text) => !/^[\\/]|\\|(?:^|\/)\.{1,2}(?:\/|$)/.test(text), 'leaves the repository');

/** The hash that an entity tag of the hub is, by its length; null if it is none. */
export function hashOf(tag: string): ContentHash | null {
  if (hexSchema(64).safeParse(tag).success) return { kind: 'sha256', hex: tag };
  return hexSchema(40).safeParse(tag).success ? { kind: 'git-sha1', hex: tag } : null;
}
