import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { COLOURS, DARK, darkRules, LIGHT, SHAPES, type Theme } from '../../src/report/charts/palette.js';

/** Contrast of two colours, from 1 to 21. Source: WCAG 2.2, "contrast ratio". */
function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

const themes: readonly (readonly [string, Theme])[] = [
  ['light', LIGHT],
  ['dark', DARK],
];

describe('contrast', () => {
  test('is computed as published: black on white is 21, #777 on white 4.48', () => {
    assert.equal(contrast('#000000', '#ffffff'), 21);
    assert.ok(Math.abs(contrast('#777777', '#ffffff') - 4.48) < 0.005);
  });

  for (const [name, theme] of themes) {
    test(`of text is at least 4.5 in the ${name} theme, on every ground it stands on`, () => {
      const grounds = ['surface', 'raised', 'soft', 'text-part', 'inserted', 'deleted'] as const;
      for (const ground of grounds) {
        const ratio = contrast(theme.ink, theme[ground]);
        assert.ok(ratio >= 4.5, `ink on ${ground}: ${ratio}`);
      }
      for (const text of ['muted', 'link', 'better', 'worse'] as const) {
        for (const ground of ['surface', 'raised', 'soft', 'text-part'] as const) {
          const ratio = contrast(theme[text], theme[ground]);
          assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio}`);
        }
      }
    });

    test(`of marks is at least 3 in the ${name} theme`, () => {
      for (const colour of COLOURS) {
        if (colour === 'surface' || colour === 'raised' || colour === 'rule') continue;
        const ratio = contrast(theme[colour], theme.surface);
        assert.ok(ratio >= 3, `${colour}: ${ratio}`);
      }
    });
  }
});

describe('a palette', () => {
  test('gives every pipeline a shape of its own, so that colour is not needed', () => {
    assert.equal(new Set(Object.values(SHAPES)).size, Object.values(SHAPES).length);
  });

  test('maps each light colour of a chart file to one dark colour', () => {
    const used = COLOURS.map((colour) => LIGHT[colour]);
    assert.equal(new Set(used).size, used.length);
    assert.ok(darkRules().includes(`[fill="${LIGHT.ink}"]{fill:${DARK.ink}}`));
  });
});
