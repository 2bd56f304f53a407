import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { escapeXml, renderJUnit } from '../../src/report/documents/junit.js';

describe('JUnit XML', () => {
  test('counts outcomes per suite and over all, and nests what viewers show', () => {
    const xml = renderJUnit('gate', [
      {
        name: 'quality',
        timestamp: '2026-01-31T12:00:00.000Z',
        properties: { fingerprint: 'abc' },
        cases: [
          { name: 'EM', group: 'quality', outcome: 'passed', seconds: 1.5 },
          { name: 'ES', group: 'quality', outcome: 'failed', message: 'fell', detail: 'by 3 < 5' },
          { name: 'TTFT', group: 'latency', outcome: 'skipped', message: 'needs 20 more tasks' },
        ],
      },
    ]);
    assert.equal(
      xml,
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<testsuites name="gate" tests="3" failures="1" errors="0" skipped="1">',
        '  <testsuite name="quality" tests="3" failures="1" errors="0" skipped="1" timestamp="2026-01-31T12:00:00.000Z">',
        '    <properties>',
        '      <property name="fingerprint" value="abc"/>',
        '    </properties>',
        '    <testcase name="EM" classname="quality" time="1.500"/>',
        '    <testcase name="ES" classname="quality">',
        '      <failure message="fell">by 3 &lt; 5</failure>',
        '    </testcase>',
        '    <testcase name="TTFT" classname="latency">',
        '      <skipped message="needs 20 more tasks"/>',
        '    </testcase>',
        '  </testsuite>',
        '</testsuites>',
        '',
      ].join('\n'),
    );
  });

  test('escapes markup and shows what XML cannot hold as U+FFFD', () => {
    assert.equal(escapeXml(`<a b="c">'&`), '&lt;a b=&quot;c&quot;&gt;&apos;&amp;');
    // NUL, escape (ANSI colour), a lone surrogate, the two non-characters; emoji and U+0085 stay.
    assert.equal(
      escapeXml('\0\u001b[1m\ud800x\ufffe\uffff😀\u0085'),
      '\ufffd\ufffd[1m\ufffdx\ufffd\ufffd😀\u0085',
    );
    assert.equal(escapeXml('a\tb\r\nc'), 'a&#9;b&#13;&#10;c');
  });

  test('leaves no character that XML forbids, whatever goes in', () => {
    const every = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit)).join('');
    const backwards = Array.from({ length: 0x10000 }, (_, i) => String.fromCharCode(0xffff - i)).join('');
    assert.doesNotMatch(escapeXml(every), /[\0-\u001f\ufffe\uffff]/);
    assert.doesNotMatch(escapeXml(backwards), /\p{Surrogate}/u);
  });
});
