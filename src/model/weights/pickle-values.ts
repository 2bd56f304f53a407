/**
 * @file The plain data that a pickle stream becomes: nothing in it can be called.
 */

/** Any value a checkpoint may hold, as far as it is understood. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleDict
  | Global
  | Opaque
  | StoredNumbers
  | StoredTensor;

export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A dict; an OrderedDict is one, too. */
export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** A function or class by name; never looked up. */
export class Global {
  readonly name: string;
  readonly offset: number;

  constructor(name: string, offset: number) {
    this.name = name;
    this.offset = offset;
  }
}

/** What some function would have made, had it been called. */
export class Opaque {
  readonly name: string;
  readonly offset: number;

  constructor(name: string, offset: number) {
    this.name = name;
    this.offset = offset;
  }
}

/** A run of numbers in another record of the archive. */
export class StoredNumbers {
  readonly dtype: string;
  /** Name of the record below `data/`. */
  readonly key: string;
  /** Elements. */
  readonly length: number;

  constructor(dtype: string, key: string, length: number) {
    this.dtype = dtype;
    this.key = key;
    this.length = length;
  }
}

/** A view of stored numbers. */
export class StoredTensor {
  readonly storage: StoredNumbers;
  /** In elements. */
  readonly start: number;
  readonly shape: readonly number[];
  /** In elements, one a dimension. */
  readonly strides: readonly number[];

  constructor(storage: StoredNumbers, start: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.start = start;
    this.shape = shape;
    this.strides = strides;
  }
}

/** The name behind a value, for messages. */
export function nameOf(value: PickleValue): string {
  return value instanceof Global || value instanceof Opaque ? value.name : 'an object';
}

/** Whether a value is a non-negative integer. */
export function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Non-negative integers of a tuple, or null; `torch.Size` is written as a tuple. */
export function counts(value: PickleValue | undefined): number[] | null {
  if (!(value instanceof PickleTuple)) return null;
  const { items } = value;
  return items.every(isCount) ? [...items] : null;
}
