/**
 * The chart of lines by its geometry, worked out by hand. A heading of one title line and one note line is 55 high, and
 * one line of the legend 20 (`charts.test.ts`).
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drawCharts } from '../../src/report/charts/charts.js';
import type { LinePanel } from '../../src/report/charts/lines.js';
import { readSvg, type Drawing } from '../support/svg.js';

const at = (x: number, y: number, [low, high] = [y, y]) => ({ x, y, low, high });
const PANEL: LinePanel = {
  title: 'share',
  axis: 'dose',
  format: '~r',
  hasZero: true,
  series: [{ name: 'moved', position: 0, points: [at(0, 0), at(0.5, 50, [25, 75]), at(1, 100)] }],
};

async function drawn(...panels: readonly LinePanel[]): Promise<{ wide: Drawing; narrow: Drawing }> {
  const [chart] = await drawCharts([{ kind: 'lines', id: 'noise', title: 'T', note: 'N', panels }]);
  return { wide: readSvg(chart!.wide), narrow: readSvg(chart!.narrow) };
}

/** Shapes and lines whose middle is about there. */
const near = ({ shapes }: Drawing, x: number, y: number) =>
  shapes.filter((shape) => Math.abs(shape.x - x) < 0.5 && Math.abs(shape.y - y) < 0.5);

describe('a chart of lines', () => {
  test('by hand: places points along both axes, with 6 % of room above', async () => {
    const { wide } = await drawn(PANEL);
    // The panel begins at x 16 + 56 = 72 and y 55 + 20 + 34 = 109, is 880 - 32 - 56 = 792 wide and 190 high.
    // y goes from 0 to 106: 100 stands at 109 + 190 * 6 / 106 = 119.75, and 0 at 299.
    assert.ok(near(wide, 72, 299).length > 0, 'the first point');
    assert.ok(near(wide, 864, 119.75).length > 0, 'the last point');
    // 50 is in the middle at 209.38; its interval goes from 25 at 254.19 to 75 at 164.57.
    const middle = near(wide, 468, 209.38);
    assert.ok(middle.some(({ box }) => Math.abs(box[1] - 164.57) < 0.5 && Math.abs(box[3] - 254.19) < 0.5));
    assert.ok(wide.texts.some(({ text }) => text === 'dose'));
  });

  test('shows panels beside each other, and below each other where it is narrow', async () => {
    const { wide, narrow } = await drawn(PANEL, { ...PANEL, title: 'second' });
    const place = ({ texts }: Drawing) => texts.filter(({ text }) => text === 'share' || text === 'second');
    const [first, second] = place(wide);
    assert.ok(second!.x > first!.x && second!.y === first!.y);
    const [above, below] = place(narrow);
    assert.ok(below!.x === above!.x && below!.y > above!.y);
  });

  test('ends near its values where zero says nothing', async () => {
    const points = [at(0, 1.5), at(1, 2.5)];
    const { wide } = await drawn({
      ...PANEL,
      hasZero: false,
      series: [{ name: 'moved', position: 0, points }],
    });
    // From 1.44 to 2.56: 1.5 stands at 109 + 190 * 1.06 / 1.12 = 288.82, 2.5 at 119.18.
    assert.ok(near(wide, 72, 288.82).length > 0 && near(wide, 864, 119.18).length > 0);
  });

  test('places a single point in the middle of its axis', async () => {
    const points = [at(640, 1)];
    const { wide } = await drawn({ ...PANEL, series: [{ name: 'moved', position: 0, points }] });
    // 72 + 792 / 2 = 468; from 0 to 1.06: 1 stands at 109 + 190 * 0.06 / 1.06 = 119.75.
    assert.ok(near(wide, 468, 119.75).length > 0);
  });

  test('has room below zero for what falls below it', async () => {
    const points = [at(0, -10), at(1, 10)];
    const { wide } = await drawn({ ...PANEL, series: [{ name: 'moved', position: 0, points }] });
    // From -11.2 to 11.2: 10 stands at 109 + 190 * 1.2 / 22.4 = 119.18, -10 at 288.82.
    assert.ok(near(wide, 864, 119.18).length > 0 && near(wide, 72, 288.82).length > 0);
  });
});
