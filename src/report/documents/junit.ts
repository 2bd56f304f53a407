/**
 * @file JUnit XML, which every CI system shows: suites of cases that passed, failed, errored or were skipped.
 *
 * The dialect is the common one of Jenkins, GitLab and GitHub's reporters: `testsuites` with `testsuite` with
 * `testcase`. Text that XML cannot hold (most control characters, lone surrogates) is shown as U+FFFD.
 *
 * Source: https://github.com/testmoapp/junitxml; XML 1.0, section 2.2 for the characters.
 */

export interface JUnitCase {
  readonly name: string;
  /** Groups cases in viewers, like a class name: `quality`, `latency`. */
  readonly group: string;
  readonly outcome: 'passed' | 'failed' | 'error' | 'skipped';
  /** One line, shown beside the case; not used for a case that passed. */
  readonly message?: string;
  /** More lines, shown below it. */
  readonly detail?: string;
  readonly seconds?: number;
}

export interface JUnitSuite {
  readonly name: string;
  /** ISO 8601. */
  readonly timestamp?: string;
  readonly properties?: Readonly<Record<string, string>>;
  /** Gone through more than once. */
  readonly cases: Iterable<JUnitCase>;
}

/** The file, ending in a newline. The same suites give the same bytes. */
export function renderJUnit(name: string, suites: readonly JUnitSuite[]): string {
  return [...junitLines(name, suites), ''].join('\n');
}

/** The lines of the same file, so that a large one need not be in memory. */
export function* junitLines(name: string, suites: readonly JUnitSuite[]): Generator<string> {
  const counted = suites.map((suite) => ({ suite, counts: countsOf(suite.cases) }));
  yield '<?xml version="1.0" encoding="UTF-8"?>';
  yield `<testsuites${attributes({ name, ...written(sumOf(counted.map(({ counts }) => counts))) })}>`;
  for (const { suite, counts } of counted) {
    yield `  <testsuite${attributes({ name: suite.name, ...written(counts), timestamp: suite.timestamp })}>`;
    yield* properties(suite.properties ?? {});
    for (const one of suite.cases) yield* renderCase(one);
    yield '  </testsuite>';
  }
  yield '</testsuites>';
}

const TAGS = { failed: 'failure', error: 'error', skipped: 'skipped' } as const;

function renderCase({ name, group, outcome, message, detail, seconds }: JUnitCase): string[] {
  const open = `    <testcase${attributes({ name, classname: group, time: seconds?.toFixed(3) })}`;
  if (outcome === 'passed') {
    return detail === undefined
      ? [`${open}/>`]
      : [`${open}>`, `      <system-out>${escapeXml(detail)}</system-out>`, '    </testcase>'];
  }
  const tag = TAGS[outcome];
  const head = `      <${tag}${attributes({ message })}`;
  return [
    `${open}>`,
    detail === undefined ? `${head}/>` : `${head}>${escapeXml(detail)}</${tag}>`,
    '    </testcase>',
  ];
}

type Counts = Readonly<Record<JUnitCase['outcome'], number>>;

function countsOf(cases: Iterable<JUnitCase>): Counts {
  const counts = { passed: 0, failed: 0, error: 0, skipped: 0 };
  for (const { outcome } of cases) counts[outcome]++;
  return counts;
}

function sumOf(all: readonly Counts[]): Counts {
  const sum = (outcome: JUnitCase['outcome']): number => all.reduce((total, one) => total + one[outcome], 0);
  return { passed: sum('passed'), failed: sum('failed'), error: sum('error'), skipped: sum('skipped') };
}

function written({ passed, failed, error, skipped }: Counts): Record<string, string> {
  return {
    tests: String(passed + failed + error + skipped),
    failures: String(failed),
    errors: String(error),
    skipped: String(skipped),
  };
}

function properties(entries: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(entries).map(
    ([name, value]) => `      <property${attributes({ name, value })}/>`,
  );
  return lines.length === 0 ? [] : ['    <properties>', ...lines, '    </properties>'];
}

function attributes(values: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(values)
    .map(([name, value]) => (value === undefined ? '' : ` ${name}="${escapeXml(value)}"`))
    .join('');
}

/**
 * Text as XML 1.0 content or attribute value. Line ends and tabs survive in attributes as character references.
 *
 * @example escapeXml('a < "b" & \u0000') // => 'a &lt; &quot;b&quot; &amp; \ufffd'
 */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"'\t\n\r]/g, (character) => REFERENCES[character]!);
}

const REFERENCES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' },
  ...{ '\t': '&#9;', '\n': '&#10;', '\r': '&#13;' },
};
