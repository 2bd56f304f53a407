/**
 * @file The process of a measured side: opens once, answers jobs one at a time, says at the end how much
 * memory it took. Started by `side.ts`, spoken to over Node's channel between processes.
 */

export type Request =
  | { readonly kind: 'open'; readonly setup: unknown }
  | { readonly kind: 'ask'; readonly job: unknown }
  | { readonly kind: 'close' };

export type Reply =
  | { readonly kind: 'opened'; readonly openMs: number }
  | { readonly kind: 'answered'; readonly answer: unknown }
  /** The largest resident set so far, as the system counted it for this process alone. */
  | { readonly kind: 'closed'; readonly peakBytes: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** What is measured: made once, asked often. */
export interface Served<Job, Answer> {
  readonly answer: (job: Job) => Answer | Promise<Answer>;
  readonly close?: () => Promise<void>;
}

/** A side as its file describes it. */
export type Open<Setup, Job, Answer> = (setup: Setup) => Served<Job, Answer> | Promise<Served<Job, Answer>>;

/** Serves this process's parent until it says `close`. Both ends are this benchmark's own. */
export function serve<Setup, Job, Answer>(open: Open<Setup, Job, Answer>): void {
  let served: Served<Job, Answer> | undefined;
  const reply = (message: Reply): void => {
    process.send?.(message);
  };
  const handle = async (request: Request): Promise<void> => {
    switch (request.kind) {
      case 'open': {
        const start = performance.now();
        served = await open(request.setup as Setup);
        reply({ kind: 'opened', openMs: performance.now() - start });
        return;
      }
      case 'ask':
        if (served === undefined) throw new Error('asked before it was opened');
        reply({ kind: 'answered', answer: await served.answer(request.job as Job) });
        return;
      case 'close': {
        // The system reports KiB.
        reply({ kind: 'closed', peakBytes: process.resourceUsage().maxRSS * 1024 });
        await served?.close?.();
        process.disconnect();
        return;
      }
    }
  };
  process.on('message', (request: Request) => {
    handle(request).catch((error: unknown) => {
      reply({
        kind: 'failed',
        reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    });
  });
}
