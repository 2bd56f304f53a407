import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { PIPELINES } from '../../src/pipelines/kinds.js';
import {
  COLOURS,
  DARK,
  darkRules,
  LIGHT,
  lookAt,
  SLOTS,
  type Theme,
} from '../../src/report/charts/palette.js';

/** Contrast of two colours, from 1 to 21. Source: WCAG 2.2, "contrast ratio". */
function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

/** Red, green and blue of sRGB as amounts of light. */
function linear(colour: string): number[] {
  return [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
}

function luminance(colour: string): number {
  const [r, g, b] = linear(colour);
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

/** How far apart two colours look: their distance in OKLab. Source: B. Ottosson, "A perceptual color space". */
function distance(a: string, b: string): number {
  const [p, q] = [oklab(a), oklab(b)];
  return Math.hypot(...p.map((value, i) => value - q[i]!));
}

function oklab(colour: string): number[] {
  const [r, g, b] = linear(colour);
  const [l, m, s] = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
  ].map(([x, y, z]) => Math.cbrt(x! * r! + y! * g! + z! * b!));
  return [
    [0.2104542553, 0.793617785, -0.0040720468],
    [1.9779984951, -2.428592205, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.808675766],
  ].map(([x, y, z]) => x! * l! + y! * m! + z! * s!);
}

describe('the slots of pipelines', () => {
  test('are at least ten', () => {
    const count: number = SLOTS.length;
    assert.ok(count >= 10, String(count));
  });

  test('have distances as published: black and white are 1 apart', () => {
    assert.ok(Math.abs(distance('#000000', '#ffffff') - 1) < 1e-6);
  });

  for (const [name, theme] of themes) {
    test(`have a contrast of at least 3 against both grounds of the ${name} theme`, () => {
      for (const slot of SLOTS) {
        for (const ground of ['surface', 'raised'] as const) {
          const ratio = contrast(theme[slot], theme[ground]);
          assert.ok(ratio >= 3, `${slot} on ${ground}: ${ratio}`);
        }
      }
    });

    test(`look different in the ${name} theme, neighbours more so`, () => {
      for (const [i, one] of SLOTS.entries()) {
        for (const [k, other] of SLOTS.slice(i + 1).entries()) {
          const apart = distance(theme[one], theme[other]);
          const least = k === 0 ? 0.12 : 0.08;
          assert.ok(apart >= least, `${one} and ${other} are ${apart} apart`);
        }
      }
    });
  }

  test('are named by number alone: the palette knows no pipeline', async () => {
    const source = await readFile(new URL('../../src/report/charts/palette.ts', import.meta.url), 'utf8');
    for (const name of PIPELINES) assert.ok(!new RegExp(`\\b${name}\\b`).test(source), name);
  });
});

describe('looks', () => {
  test('keep to the position alone, and the first five are those of reports made before', () => {
    const first = PIPELINES.slice(0, 5).map((name, position) => {
      const { colour, shape, dash, labelSide } = lookAt(position);
      return [name, LIGHT[colour], DARK[colour], shape, dash.join(), labelSide.dx, labelSide.dy];
    });
    assert.deepEqual(first, [
      ['no-context', '#6a737d', '#9aa4ae', 'square', '1,0', 8, 0],
      ['full-rag', '#b3400a', '#f08a50', 'triangle-up', '6,3', 8, -10],
      ['budget-rag', '#b57a00', '#f2c14e', 'cross', '2,3', 8, 12],
      ['compressed', '#0a5fb4', '#6cb0f5', 'circle', '1,0', -8, -10],
      ['compressed-random', '#8b5cc7', '#cba6f7', 'diamond', '1,3', -8, 12],
    ]);
  });

  test('have a shape of their own, so that colour is not needed', () => {
    const shapes = SLOTS.map((_, position) => lookAt(position).shape);
    assert.equal(new Set(shapes).size, SLOTS.length);
  });

  test('take the colours again from the first on, with other shapes', () => {
    const looks = Array.from({ length: 4 * SLOTS.length }, (_, position) => lookAt(position));
    assert.equal(looks[SLOTS.length]!.colour, looks[0]!.colour);
    assert.equal(new Set(looks.map(({ colour, shape }) => `${colour} ${shape}`)).size, looks.length);
  });
});

describe('a palette', () => {
  test('maps each light colour of a chart file to one dark colour', () => {
    const used = COLOURS.map((colour) => LIGHT[colour]);
    assert.equal(new Set(used).size, used.length);
    assert.ok(darkRules('').includes(`[fill="${LIGHT.ink}"]{fill:${DARK.ink}}`));
  });

  test('has rules for further slots only in files that draw with them', () => {
    const rule = `[fill="${LIGHT['slot-7']}"]{fill:${DARK['slot-7']}}`;
    assert.ok(!darkRules('').includes(rule));
    assert.ok(darkRules(`<path fill="${LIGHT['slot-7']}"/>`).includes(rule));
    assert.ok(darkRules('').includes(`[fill="${LIGHT['slot-4']}"]`));
  });
});
