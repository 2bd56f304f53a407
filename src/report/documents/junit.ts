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
  readonly cases: readonly JUnitCase[];
}

/** The file, ending in a newline. The same suites give the same bytes. */
export function renderJUnit(name: string, suites: readonly JUnitSuite[]): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name, ...counts(suites.flatMap(({ cases }) => cases)) })}>`,
    ...suites.flatMap((suite) => [
      `  <testsuite${attributes({ name: suite.name, ...counts(suite.cases), timestamp: suite.timestamp })}>`,
      ...properties(suite.properties ?? {}),
      ...suite.cases.flatMap(renderCase),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
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

function counts(cases: readonly JUnitCase[]): Record<string, string> {
  const count = (outcome: JUnitCase['outcome']): string =>
    String(cases.filter((one) => one.outcome === outcome).length);
  return {
    tests: String(cases.length),
    failures: count('failed'),
    errors: count('error'),
    skipped: count('skipped'),
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
