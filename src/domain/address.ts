/**
 * @file Addresses that an environment variable names. They are shown in messages and recorded with what was fetched.
 */

import { UsageError } from './errors.js';

/**
 * The address without slashes at its end.
 *
 * @param name    The variable.
 * @param example For the message.
 * @throws {UsageError} If it is no http(s) address, or holds a user name or a password.
 */
export function addressOf(name: string, text: string, example: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`${name} is "${text}"; expected an address such as ${example}`);
  }
  if (url.username !== '' || url.password !== '') {
    // Not quoted: messages end up in logs.
    throw new UsageError(`${name} holds a user name or a password`, [
      'requests to such an address are refused, and the address would be shown in messages',
      'give the address alone; an access token of the hub belongs into HF_TOKEN',
    ]);
  }
  return text.replace(/\/+$/, '');
}
