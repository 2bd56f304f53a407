/**
 * @file The task explorer: filters, the list of tasks, and what is shown of the chosen one.
 *
 * The list is a listbox: one stop of the Tab key, arrows or j and k move, Home and End jump. `/` goes to the
 * search field from anywhere, Escape from there to the list. The address of the page follows the task that the reader
 * chooses, and an address with a task opens it.
 */

import type { PackedTask, PackedTasks } from '../page-data/packed-tasks.js';
import { taskDetail } from './detail.js';
import { byId, make } from './dom.js';
import { taskFragment, taskOfFragment } from './task-link.js';
import {
  listedPipeline,
  matches,
  outcomesOf,
  OUTCOMES,
  standing,
  type Filter,
  type OutcomeFilter,
  type Standing,
} from './tasks.js';

const MARKS: Readonly<Record<Standing, string>> = {
  better: '▲',
  worse: '▼',
  same: '=',
  unscored: '!',
};

export function startExplorer(data: PackedTasks): void {
  const list = byId('task-list', HTMLUListElement);
  const detail = byId('task-detail', HTMLElement);
  const count = byId('task-count', HTMLOutputElement);
  const form = byId('task-filters', HTMLFormElement);
  const words = byId('filter-words', HTMLInputElement);
  const crossFile = byId('filter-cross-file', HTMLInputElement);
  const outcome = byId('filter-outcome', HTMLSelectElement);
  const against = byId('filter-against', HTMLSelectElement);
  const retriever = byId('filter-retriever', HTMLSelectElement);
  const topK = byId('filter-top-k', HTMLSelectElement);
  // Only runs with compression ratios have the choice.
  const ratio = document.getElementById('filter-ratio');
  const repository = byId('filter-repository', HTMLSelectElement);
  const said = byId('task-link-said', HTMLParagraphElement);
  const subject = listedPipeline(data);

  let listed: readonly PackedTask[] = [];
  let chosen: PackedTask | null = null;

  const filter = (): Filter => ({
    words: words.value,
    crossFileOnly: crossFile.checked,
    outcome: OUTCOMES.find((name): name is OutcomeFilter => name === outcome.value) ?? 'all',
    against: against.value,
    retriever: retriever.value === '' ? null : retriever.value,
    topK: topK.value === '' ? null : Number(topK.value),
    compressionRatio: ratio instanceof HTMLSelectElement ? Number(ratio.value) : undefined,
    repository: repository.value,
  });

  const option = (task: PackedTask, current: Filter): HTMLLIElement => {
    const result = standing(outcomesOf(data, task, current), subject, current.against);
    const points =
      result.points === null
        ? ''
        : `${result.points > 0 ? '+' : result.points < 0 ? '−' : ''}${Math.abs(result.points).toFixed(0)}`;
    const outcomeInWords = {
      better: `${subject} better`,
      worse: `${subject} worse`,
      same: 'same',
      unscored: 'not scored',
    }[result.standing];
    return make(
      'li',
      { role: 'option', id: optionId(task), 'aria-selected': 'false' },
      make(
        'span',
        { class: `mark ${result.standing}`, 'aria-hidden': 'true' },
        `${MARKS[result.standing]} ${points}`,
      ),
      make('span', { class: 'sr-only' }, `${outcomeInWords} ${points} `),
      make('span', { class: 'task-name' }, task.source?.path ?? task.id),
      make('span', { class: 'task-line' }, task.source?.reference.trim() ?? task.repository),
    );
  };
  const optionId = (task: PackedTask): string => `task-${data.tasks.indexOf(task)}`;

  const choose = (task: PackedTask | null): void => {
    chosen = task;
    for (const other of list.querySelectorAll('[aria-selected="true"]')) {
      other.setAttribute('aria-selected', 'false');
    }
    if (task === null) {
      list.removeAttribute('aria-activedescendant');
      detail.replaceChildren(make('p', { class: 'empty' }, 'No task matches these filters.'));
      return;
    }
    const item = document.getElementById(optionId(task));
    item?.setAttribute('aria-selected', 'true');
    list.setAttribute('aria-activedescendant', optionId(task));
    if (item !== null) keepInView(list, item);
    const at = listed.indexOf(task);
    detail.replaceChildren(
      ...taskDetail(data, task, filter(), `${at + 1} of ${listed.length}`, {
        previous:
          at > 0
            ? () => {
                move(-1);
              }
            : null,
        next:
          at < listed.length - 1
            ? () => {
                move(1);
              }
            : null,
        link: { fragment: taskFragment(task.id), follow: copyAddress },
      }),
    );
    for (const code of detail.querySelectorAll('.part-left pre')) code.scrollTop = code.scrollHeight;
  };

  /** The same for a task that the reader asked for: the address says so. */
  const go = (task: PackedTask): void => {
    choose(task);
    // Not a step of the history: Back leaves the page, whatever was looked at.
    history.replaceState(null, '', taskFragment(task.id));
  };

  const move = (by: number): void => {
    if (listed.length === 0) return;
    const at = chosen === null ? -1 : listed.indexOf(chosen);
    go(listed[Math.min(listed.length - 1, Math.max(0, at + by))]!);
  };

  /** Puts the address of the page, which is that of the chosen task, where it can be pasted from. */
  const copyAddress = (): void => {
    if (chosen !== null) history.replaceState(null, '', taskFragment(chosen.id));
    const done = (text: string) => (): void => {
      said.textContent = text;
      const link = detail.querySelector('.task-link');
      if (link !== null) link.textContent = text;
    };
    const isInBar = done('The address bar has the link');
    // Some browsers keep the clipboard from files. Their address bar has the link all the same.
    if (window.isSecureContext)
      navigator.clipboard.writeText(location.href).then(done('Link copied'), isInBar);
    else isInBar();
  };

  /** Opens the task of the address, with filters that list it. */
  const openAddressed = (): void => {
    const id = taskOfFragment(location.hash);
    const task = id === null ? undefined : data.tasks.find((other) => other.id === id);
    if (task === undefined) {
      if (id !== null) said.textContent = `This page does not list the task ${id}.`;
      return;
    }
    if (!listed.includes(task)) {
      form.reset();
      refresh();
    }
    choose(task);
    byId('tasks', HTMLElement).scrollIntoView();
  };

  const refresh = (): void => {
    const current = filter();
    listed = data.tasks.filter((task) => matches(data, task, current));
    list.replaceChildren(...listed.map((task) => option(task, current)));
    count.textContent = `${listed.length} of ${data.tasks.length} tasks`;
    choose(chosen !== null && listed.includes(chosen) ? chosen : (listed[0] ?? null));
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
  });
  form.addEventListener('input', refresh);
  form.addEventListener('reset', () => {
    setTimeout(refresh);
  });
  list.addEventListener('click', (event) => {
    const item = event.target instanceof Element ? event.target.closest('[role="option"]') : null;
    const index = item === null ? -1 : [...list.children].indexOf(item);
    const task = listed[index];
    if (task === undefined) return;
    go(task);
    // Side by side the detail is in view already; below each other it is not.
    if (detail.getBoundingClientRect().top > window.innerHeight * 0.8) detail.scrollIntoView();
  });
  list.addEventListener('keydown', (event) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -Infinity,
      End: Infinity,
    };
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    move(by);
  });
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target instanceof HTMLElement && event.target.matches('input, select, textarea');
    if (isTyping) {
      if (event.key === 'Escape') list.focus();
      return;
    }
    switch (event.key) {
      case '/':
        words.focus();
        words.select();
        break;
      case 'j':
        move(1);
        break;
      case 'k':
        move(-1);
        break;
      default:
        return;
    }
    event.preventDefault();
  });
  window.addEventListener('hashchange', openAddressed);
  refresh();
  openAddressed();
}

/** Scrolls a list, and only the list, so that an item of it is seen. */
function keepInView(list: HTMLElement, item: HTMLElement): void {
  const top = item.offsetTop - list.offsetTop;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (top + item.offsetHeight > list.scrollTop + list.clientHeight) {
    list.scrollTop = top + item.offsetHeight - list.clientHeight;
  }
}
