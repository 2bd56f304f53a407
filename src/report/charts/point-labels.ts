/**
 * @file Where the labels of points stand: beside their points, and never over a point or over each other.
 */

import { LABEL_SIDES, type LabelSide } from './palette.js';
import { roughWidth } from './parts.js';

interface Place {
  /** Pixels from the left and from the top of the panel. */
  readonly x: number;
  readonly y: number;
}

export interface PointLabel extends Place {
  readonly text: string;
  readonly fill: string;
  /** Where it stands if that is free. */
  readonly side: LabelSide;
}

export type PlacedLabel = Omit<PointLabel, 'side'> & LabelSide;

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Half of what a symbol covers. */
const SYMBOL = 5;
/** What is written in the corner of a panel. */
const CORNER: Box = { left: 0, right: 70, top: 0, bottom: 20 };

/**
 * Places labels in their order. A label for which no side of its point is free is left out: a chart that is that full has
 * a table beside it.
 *
 * @param points All points of the panel.
 */
export function placeLabels(
  labels: readonly PointLabel[],
  points: readonly Place[],
  { width, height, fontSize }: { readonly width: number; readonly height: number; readonly fontSize: number },
): PlacedLabel[] {
  const taken: Box[] = [
    CORNER,
    ...points.map(({ x, y }) => ({
      ...{ left: x - SYMBOL, right: x + SYMBOL, top: y - SYMBOL, bottom: y + SYMBOL },
    })),
  ];
  return labels.flatMap(({ side, ...label }) => {
    const free = [side, ...LABEL_SIDES].find((candidate) => {
      const box = boxOf(label, candidate, fontSize);
      const isInside = box.left >= 0 && box.right <= width && box.top >= 0 && box.bottom <= height;
      return isInside && !taken.some((other) => overlap(box, other));
    });
    if (free === undefined) return [];
    taken.push(boxOf(label, free, fontSize));
    return [{ ...label, ...free }];
  });
}

function boxOf({ x, y, text }: Place & { readonly text: string }, side: LabelSide, fontSize: number): Box {
  const width = roughWidth(text, fontSize);
  const left = x + side.dx - { left: 0, center: width / 2, right: width }[side.align];
  const middle = y + side.dy;
  return { left, right: left + width, top: middle - fontSize / 2, bottom: middle + fontSize / 2 };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
