/**
 * @file One task: its reference, the completions beside it, the prompts with their parts, the chunks.
 */

import { kindOf } from '../../pipelines/kinds.js';
import type { Look } from '../charts/palette.js';
import type { PackedTask, PackedTasks } from '../page-data/packed-tasks.js';
import { diffPieces } from './diff.js';
import { make } from './dom.js';
import { promptParts, type PromptPart } from './prompt-parts.js';
import {
  chunksOf,
  listedPipeline,
  looksOf,
  outcomesOf,
  type Outcome,
  type Scored,
  type Selection,
  type ShownChunk,
} from './tasks.js';

export interface Steps {
  /** Null where there is none. */
  readonly previous: (() => void) | null;
  readonly next: (() => void) | null;
  /** The address of the task, and what pressing it does. */
  readonly link: { readonly fragment: string; readonly follow: () => void };
}

/** The elements of the pane. */
export function taskDetail(
  data: PackedTasks,
  task: PackedTask,
  selection: Selection,
  position: string,
  steps: Steps,
): HTMLElement[] {
  const outcomes = outcomesOf(data, task, selection);
  const { source } = task;
  const looks = looksOf(data);
  return [
    make(
      'header',
      { class: 'task-head' },
      make(
        'div',
        {},
        make('h3', {}, source?.path ?? task.id),
        make(
          'p',
          { class: 'muted' },
          [
            task.repository,
            task.id,
            ...(task.crossFile === 1 ? ['uses an identifier of another file'] : []),
            position,
          ].join('  ·  '),
        ),
      ),
      make(
        'div',
        { class: 'steps' },
        taskLink(steps.link),
        step('Previous', steps.previous),
        step('Next', steps.next),
      ),
    ),
    ...(source === null
      ? [
          make(
            'p',
            { class: 'muted' },
            'This run folder has no tasks.jsonl, so prompt and reference are not shown.',
          ),
        ]
      : [make('h4', {}, 'Reference'), make('pre', { class: 'code reference' }, source.reference)]),
    make('h4', {}, 'Completions'),
    ...(source === null
      ? []
      : [
          make(
            'p',
            { class: 'legend' },
            make('ins', {}, 'only in the completion'),
            ' ',
            make('del', {}, 'only in the reference'),
          ),
        ]),
    make('div', { class: 'completions' }, ...outcomes.map((outcome) => completion(outcome, task, looks))),
    ...prompts(data, task, outcomes),
    ...chunkList(data, task, outcomes),
  ];
}

function step(name: string, action: (() => void) | null): HTMLButtonElement {
  const button = make('button', { type: 'button' }, name);
  if (action === null) button.disabled = true;
  else button.addEventListener('click', action);
  return button;
}

function completion(
  { configuration, result }: Outcome,
  task: PackedTask,
  looks: ReadonlyMap<string, Look>,
): HTMLElement {
  const { pipeline } = configuration;
  const { colour } = looks.get(pipeline)!;
  const name = make('span', { class: `pipeline ${colour}`, title: kindOf(pipeline).title }, pipeline);
  switch (result.status) {
    case 'failed':
      return card(name, 'failed', make('pre', { class: 'code' }, `${result.stage}: ${result.message}`));
    case 'skipped':
      return card(
        name,
        'skipped',
        make(
          'p',
          {},
          result.promptTokens === null
            ? 'The metric profile has no value for this reference, so nothing was run.'
            : `The prompt of ${result.promptTokens} tokens is longer than the model allows.`,
        ),
      );
    case 'scored': {
      const facts = [
        `EM ${result.exactMatch === 1 ? '✓' : '✗'}`,
        `ES ${result.editSimilarity.toFixed(1)} %`,
        ...(result.times === null
          ? []
          : [`TTFT ${result.times.ttftMs.toFixed(1)} ms`, `cold ${result.times.ttftColdMs.toFixed(1)} ms`]),
        `${result.promptTokens} prompt tokens`,
        ...(result.tokenNats === undefined ? [] : [`${meanNats(result.tokenNats).toFixed(3)} nats a token`]),
      ];
      const pieces =
        task.source === null
          ? [result.completion]
          : diffPieces(result.completion, task.source.reference).map(({ kind, text }) => {
              switch (kind) {
                case 'same':
                  return text;
                case 'completion':
                  return make('ins', {}, text);
                case 'reference':
                  return make('del', {}, text);
              }
            });
      const body = make('pre', { class: 'code' }, ...pieces);
      if (result.completion.trim() === '') body.append(make('span', { class: 'muted' }, ' (nothing)'));
      return card(name, facts.join('   '), body, ...surprise(result, task));
    }
  }
}

/** A link, so that the menu of the browser can copy or open it too. */
function taskLink({ fragment, follow }: Steps['link']): HTMLElement {
  const link = make('a', { class: 'task-link', href: fragment }, 'Copy link');
  link.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow();
  });
  return link;
}

function meanNats(tokenNats: readonly number[]): number {
  return tokenNats.reduce((sum, value) => sum + value, 0) / tokenNats.length;
}

/** Nats from which on a token has the next thicker line below it. */
const SURPRISES = [0.1, 0.5, 1, 2, 4] as const;

/** The true line token by token: the thicker the line below a token, the less the decoder expected it. */
function surprise({ tokenNats }: Scored, { source }: PackedTask): HTMLElement[] {
  const pieces = source?.pieces;
  if (tokenNats === undefined || pieces?.length !== tokenNats.length) return [];
  const tokens = pieces.map((piece, i) => {
    const nats = tokenNats[i]!;
    const level = SURPRISES.filter((least) => nats >= least).length;
    const text = piece === '' ? ' (end)' : piece.replaceAll('\n', '↵');
    return make('span', { class: `token surprise-${level}`, title: `${nats} nats` }, text);
  });
  return [
    make(
      'p',
      { class: 'surprise-line' },
      make('span', { class: 'muted' }, 'True line, thicker where less expected: '),
      make('code', {}, ...tokens),
    ),
  ];
}

function card(name: HTMLElement, facts: string, ...body: readonly HTMLElement[]): HTMLElement {
  return make(
    'article',
    { class: 'completion' },
    make('p', { class: 'completion-head' }, name, make('span', { class: 'facts' }, facts)),
    ...body,
  );
}

/** The prompt of one pipeline at a time, chosen by radio buttons. */
function prompts(data: PackedTasks, task: PackedTask, outcomes: readonly Outcome[]): HTMLElement[] {
  const shown = outcomes.filter(({ result }) => result.status === 'scored');
  const first =
    shown.find(({ configuration }) => configuration.pipeline === listedPipeline(data)) ?? shown[0];
  if (task.source === null || first === undefined) return [];
  const body = make('div', { class: 'prompt' });
  const show = (outcome: Outcome): void => {
    body.replaceChildren(...(promptParts(data, task, outcome) ?? []).map(part));
    for (const code of body.querySelectorAll('.part-left pre')) code.scrollTop = code.scrollHeight;
  };
  const choices = shown.map((outcome) => {
    const radio = make('input', { type: 'radio', name: 'prompt-of' });
    radio.checked = outcome === first;
    radio.addEventListener('change', () => {
      show(outcome);
    });
    return make('label', {}, radio, outcome.configuration.pipeline);
  });
  show(first);
  return [
    make('h4', {}, 'Prompt, in the order in which the decoder reads it'),
    make('fieldset', { class: 'choices' }, make('legend', { class: 'sr-only' }, 'Prompt of'), ...choices),
    ...(task.source.isWhole
      ? []
      : [
          make(
            'p',
            { class: 'muted' },
            'Only the code next to the hole is in this page; llava-eval report --tasks all puts every prompt in.',
          ),
        ]),
    body,
  ];
}

function part(of: PromptPart): HTMLElement {
  switch (of.kind) {
    case 'left':
      return block('left', 'before the hole', of.text);
    case 'right':
      return block('right', 'after the hole', of.text);
    case 'retrieved':
      return block('retrieved', 'retrieved, as text', of.text);
    case 'constants':
      return make(
        'section',
        { class: 'part part-soft' },
        make('h5', {}, `${of.count} constant vectors, the same in every prompt`),
      );
    case 'hole':
      return make('p', { class: 'part-hole' }, 'the completion goes here');
    case 'soft': {
      const perChunk = of.chunks.length === 0 ? 1 : Math.round(of.count / of.chunks.length);
      const share = of.chunks.length === 0 ? '' : `, ${perChunk === 1 ? 'one' : perChunk} a chunk`;
      return make(
        'section',
        { class: 'part part-soft' },
        make('h5', {}, `${of.count} soft tokens${share}`),
        make(
          'ol',
          { class: 'slots' },
          ...Array.from({ length: of.count }, (_, i) => {
            const chunk = of.chunks[Math.floor(i / perChunk)];
            return chunk === undefined
              ? make('li', {}, `soft token ${i + 1}`)
              : make('li', { title: place(chunk) }, place({ ...chunk, path: fileName(chunk.path) }));
          }),
        ),
      );
    }
  }
}

function block(kind: string, title: string, text: string): HTMLElement {
  return make(
    'section',
    { class: `part part-${kind}` },
    make('h5', {}, title),
    make('pre', { class: 'code', tabindex: '0', 'aria-label': title }, text),
  );
}

function chunkList(data: PackedTasks, task: PackedTask, outcomes: readonly Outcome[]): HTMLElement[] {
  const chunks = outcomes.flatMap(({ result }) =>
    result.status === 'scored' ? [chunksOf(data, task, result)] : [],
  );
  const longest = chunks.reduce((a, b) => (b.length > a.length ? b : a), []);
  if (longest.length === 0) return [];
  return [
    make('h4', {}, `Chunks, best first (${longest.length})`),
    ...longest.map((chunk, i) =>
      make(
        'details',
        i === 0 ? { class: 'chunk', open: '' } : { class: 'chunk' },
        make(
          'summary',
          {},
          make('span', { class: 'rank' }, String(i + 1)),
          make('span', { class: 'place' }, place(chunk)),
          make('span', { class: 'score' }, chunk.score === null ? '' : `score ${chunk.score}`),
        ),
        make('pre', { class: 'code' }, chunk.text),
      ),
    ),
  ];
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function place({ path, startLine, endLine, repository }: ShownChunk): string {
  const file = repository === undefined ? path : `${repository}: ${path}`;
  return startLine === null || endLine === null ? file : `${file}:${startLine}–${endLine}`;
}
