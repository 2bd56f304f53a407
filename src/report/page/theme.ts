/**
 * @file The theme: that of the system, until the reader chooses one.
 */

import { byId } from './dom.js';

const KEY = 'llava-eval-theme';
const CHOICES = ['system', 'light', 'dark'] as const;
type Choice = (typeof CHOICES)[number];

export function startTheme(): void {
  const button = byId('theme', HTMLButtonElement);
  let choice = remembered();
  const apply = (): void => {
    if (choice === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.textContent = `Theme: ${choice}`;
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]!;
    remember(choice);
    apply();
  });
  apply();
}

/** Storage can be forbidden, above all for files; the page then forgets the choice. */
function remembered(): Choice {
  try {
    const stored = localStorage.getItem(KEY);
    return CHOICES.find((choice) => choice === stored) ?? 'system';
  } catch {
    return 'system';
  }
}

function remember(choice: Choice): void {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // Only the next visit would have used it.
  }
}
