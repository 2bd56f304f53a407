/**
 * @file Reads the structure of a PyTorch checkpoint without running any of it.
 *
 * Python's pickle format is a program: it names functions and calls them. This reader has no way to
 * call anything. It keeps a stack of plain data; four constructors that `torch.save` uses for tensors
 * are recognised by name and described; every other function, class or object becomes an `Opaque`
 * marker that says where it stood. A marker holds no data and nothing can be done with it, so a
 * checkpoint of a training framework (optimizer, callbacks, hyper-parameters of any class) can be read
 * past. Names that no checkpoint has reason to contain end the reading at once, since such a file was
 * made to harm whoever opens it with Python.
 *
 * Only the opcodes that pickle protocols 2 to 5 write are known; anything else is refused by its code
 * and offset. Work and memory are linear in the size of the stream: nothing is ever copied or walked.
 *
 * Source: Python's `pickletools` for the opcodes; PyTorch `torch/serialization.py` and
 * `torch/_utils.py` for how tensors are written.
 */

import { ModelError } from '../../domain/errors.js';

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

/** Element types of PyTorch's storages, by the names of safetensors. */
const STORAGE_TYPES: Readonly<Record<string, string>> = {
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.DoubleStorage': 'F64',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

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

/** Values far above what a checkpoint needs; a stream that exceeds one was not written by `torch.save`. */
const LIMITS = { operations: 20_000_000, stack: 1_000_000, marks: 10_000, memo: 5_000_000, rank: 8 };

/**
 * Modules that no checkpoint names: they start programs, touch files or the network, or load code.
 * `builtins` is treated by function, since harmless types live there too.
 */
const HOSTILE_MODULES =
  /^(?:os|posix|nt|subprocess|sys|shutil|socket|pty|commands|runpy|importlib|imp|pkgutil|pickle|_pickle|cPickle|marshal|ctypes|webbrowser|urllib\d?|requests|httplib|http|ftplib|smtplib|pip|torch\.hub|torch\.utils\.cpp_extension)(?:\.|$)/;
const HOSTILE_BUILTINS =
  /^(?:builtins|__builtin__)\.(?:eval|exec|execfile|compile|open|__import__|input|raw_input|breakpoint|globals|locals|vars|exit|quit|memoryview|file)$/;

/**
 * Runs the stack machine of a pickle stream over plain data.
 *
 * @param where The file, for messages.
 * @throws {ModelError} If the stream is damaged, uses an opcode that is not known here, exceeds a limit,
 *   or names something that only a file made to do harm would name.
 */
export function readPickle(bytes: Uint8Array, where: string): PickleValue {
  return new Machine(bytes, where).run();
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  #at = 0;
  #stack: PickleValue[] = [];
  /** Stacks below the marks. */
  readonly #below: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
  }

  run(): PickleValue {
    for (let operations = 0; operations < LIMITS.operations; operations++) {
      const offset = this.#at;
      const code = this.#byte();
      if (code === 0x2e /* STOP */) return this.#pop();
      this.#step(code, offset);
      if (this.#stack.length > LIMITS.stack || this.#below.length > LIMITS.marks) {
        return this.#fail('nests deeper than any checkpoint', offset);
      }
    }
    return this.#fail(`has more than ${LIMITS.operations} operations`, this.#at);
  }

  #step(code: number, offset: number): void {
    switch (code) {
      case 0x80: // PROTO
        this.#requireProtocol(this.#byte(), offset);
        return;
      case 0x95: // FRAME
        this.#skip(8);
        return;
      case 0x28: // MARK
        this.#below.push(this.#stack);
        this.#stack = [];
        return;
      case 0x30: // POP
        this.#pop();
        return;
      case 0x31: // POP_MARK
        this.#popMark();
        return;
      case 0x32: // DUP
        this.#stack.push(this.#top());
        return;

      case 0x4e: // NONE
        this.#stack.push(null);
        return;
      case 0x88: // NEWTRUE
        this.#stack.push(true);
        return;
      case 0x89: // NEWFALSE
        this.#stack.push(false);
        return;
      case 0x4a: // BININT
        this.#stack.push(this.#view.getInt32(this.#skip(4), true));
        return;
      case 0x4b: // BININT1
        this.#stack.push(this.#byte());
        return;
      case 0x4d: // BININT2
        this.#stack.push(this.#view.getUint16(this.#skip(2), true));
        return;
      case 0x8a: // LONG1
        this.#stack.push(this.#long(this.#byte()));
        return;
      case 0x8b: // LONG4
        this.#stack.push(this.#long(this.#size(4)));
        return;
      case 0x47: // BINFLOAT
        this.#stack.push(this.#view.getFloat64(this.#skip(8), false));
        return;

      case 0x58: // BINUNICODE
        this.#stack.push(this.#text(this.#size(4)));
        return;
      case 0x8c: // SHORT_BINUNICODE
        this.#stack.push(this.#text(this.#byte()));
        return;
      case 0x8d: // BINUNICODE8
        this.#stack.push(this.#text(this.#size(8)));
        return;
      case 0x55: // SHORT_BINSTRING
      case 0x43: // SHORT_BINBYTES
        this.#stack.push(this.#raw(this.#byte()));
        return;
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
        this.#stack.push(this.#raw(this.#size(4)));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.#stack.push(this.#raw(this.#size(8)));
        return;

      case 0x29: // EMPTY_TUPLE
        this.#stack.push(new PickleTuple([]));
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.#stack.push(new PickleTuple(this.#popMany(code - 0x84)));
        return;
      case 0x74: // TUPLE
        this.#closeTuple();
        return;
      case 0x5d: // EMPTY_LIST
        this.#stack.push(new PickleList());
        return;
      case 0x61: // APPEND
        this.#append([this.#pop()]);
        return;
      case 0x65: // APPENDS
        this.#append(this.#popMark());
        return;
      case 0x7d: // EMPTY_DICT
        this.#stack.push(new PickleDict());
        return;
      case 0x73: // SETITEM
        this.#setItems(this.#popMany(2));
        return;
      case 0x75: // SETITEMS
        this.#setItems(this.#popMark());
        return;
      case 0x8f: // EMPTY_SET
        this.#stack.push(new Opaque('set', offset));
        return;
      case 0x90: // ADDITEMS
        this.#popMark();
        this.#top();
        return;
      case 0x91: // FROZENSET
        this.#popMark();
        this.#stack.push(new Opaque('frozenset', offset));
        return;

      case 0x71: // BINPUT
        this.#remember(this.#byte());
        return;
      case 0x72: // LONG_BINPUT
        this.#remember(this.#size(4));
        return;
      case 0x94: // MEMOIZE
        this.#remember(this.#memo.size);
        return;
      case 0x68: // BINGET
        this.#recall(this.#byte(), offset);
        return;
      case 0x6a: // LONG_BINGET
        this.#recall(this.#size(4), offset);
        return;

      case 0x63: // GLOBAL
        this.#stack.push(this.#global(this.#line(), this.#line(), offset));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') {
          this.#fail('names a function by something other than text', offset);
        }
        this.#stack.push(this.#global(module, name, offset));
        return;
      }
      case 0x51: // BINPERSID
        this.#stack.push(this.#storage(this.#pop(), offset));
        return;
      case 0x52: {
        // REDUCE
        const [callee, args] = this.#popMany(2);
        this.#stack.push(this.#construct(callee!, args!, offset));
        return;
      }
      case 0x81: {
        // NEWOBJ
        const [type, args] = this.#popMany(2);
        this.#stack.push(this.#construct(type!, args!, offset));
        return;
      }
      case 0x92: {
        // NEWOBJ_EX
        const [type] = this.#popMany(3);
        this.#stack.push(new Opaque(nameOf(type!), offset));
        return;
      }
      case 0x62: // BUILD: attributes of an object. Those of an OrderedDict are versions of modules.
        this.#pop();
        this.#top();
        return;
      default:
        this.#fail(
          `uses the opcode 0x${code.toString(16).padStart(2, '0')}, which torch.save does not write`,
          offset,
        );
    }
  }

  #requireProtocol(protocol: number, offset: number): void {
    if (protocol < 2 || protocol > 5)
      this.#fail(`is written in pickle protocol ${protocol}, not 2 to 5`, offset);
  }

  #global(module: string, name: string, offset: number): Global {
    const full = `${module}.${name}`;
    if (HOSTILE_MODULES.test(module) || HOSTILE_BUILTINS.test(full)) {
      throw new ModelError(`${this.#where}: names ${full} at byte ${offset}, which no checkpoint needs`, [
        'opened with Python, this file would run it: it was made to do harm, or was damaged',
        'nothing of it was run here; do not load it elsewhere',
      ]);
    }
    return new Global(full, offset);
  }

  /** What a function of PyTorch would make of its arguments; anything else is a marker. */
  #construct(callee: PickleValue, args: PickleValue, offset: number): PickleValue {
    const name = nameOf(callee);
    const items = args instanceof PickleTuple ? args.items : [];
    if (!(callee instanceof Global)) return new Opaque(name, offset);
    switch (name) {
      case 'collections.OrderedDict':
        return this.#orderedDict(items);
      case 'torch._utils._rebuild_tensor_v2':
        return this.#tensor(items, offset);
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return items[0] instanceof StoredTensor ? items[0] : new Opaque(name, callee.offset);
      default:
        return new Opaque(name, callee.offset);
    }
  }

  /** Empty, or from a list of pairs, as protocols before 4 write it. */
  #orderedDict(args: readonly PickleValue[]): PickleDict {
    const dict = new PickleDict();
    const pairs = args[0] instanceof PickleList ? args[0].items : [];
    for (const pair of pairs) {
      const [key, value] = pair instanceof PickleTuple || pair instanceof PickleList ? pair.items : [];
      if (key !== undefined && value !== undefined) dict.entries.set(key, value);
    }
    return dict;
  }

  /** `('storage', type, key, location, elements)`. */
  #storage(id: PickleValue, offset: number): PickleValue {
    const [tag, type, key, , length] = id instanceof PickleTuple ? id.items : [];
    if (tag !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !isCount(length)) {
      return this.#fail('refers to a storage in a form that torch.save does not write', offset);
    }
    const dtype = Object.hasOwn(STORAGE_TYPES, type.name) ? STORAGE_TYPES[type.name] : undefined;
    return dtype === undefined ? new Opaque(type.name, type.offset) : new StoredNumbers(dtype, key, length);
  }

  /** Arguments: storage, start, shape, strides, and what only training needs. */
  #tensor(args: readonly PickleValue[], offset: number): PickleValue {
    const [storage, start, shape, strides] = args;
    if (storage instanceof Opaque) return storage;
    const sizes = counts(shape);
    const steps = counts(strides);
    if (
      !(storage instanceof StoredNumbers) ||
      !isCount(start) ||
      sizes === null ||
      steps === null ||
      sizes.length !== steps.length ||
      sizes.length > LIMITS.rank
    ) {
      return this.#fail('describes a tensor in a form that torch.save does not write', offset);
    }
    return new StoredTensor(storage, start, sizes, steps);
  }

  #closeTuple(): void {
    const items = this.#popMark();
    this.#stack.push(new PickleTuple(items));
  }

  /** Appending to an unknown object is what its class would do with the items. */
  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (list instanceof PickleList) for (const item of items) list.items.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (items.length % 2 !== 0) this.#fail('sets a key without a value', this.#at - 1);
    if (!(dict instanceof PickleDict)) return;
    for (let i = 0; i < items.length; i += 2) dict.entries.set(items[i]!, items[i + 1]!);
  }

  #remember(index: number): void {
    if (this.#memo.size >= LIMITS.memo) this.#fail(`remembers more than ${LIMITS.memo} values`, this.#at);
    this.#memo.set(index, this.#top());
  }

  #recall(index: number, offset: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.#fail(`recalls value ${index}, which was never remembered`, offset);
    this.#stack.push(value);
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    return value === undefined ? this.#fail('takes a value that is not there', this.#at - 1) : value;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    return value === undefined ? this.#fail('takes a value that is not there', this.#at - 1) : value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) this.#fail('takes a value that is not there', this.#at - 1);
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const items = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) return this.#fail('closes a list that was never begun', this.#at - 1);
    this.#stack = below;
    return items;
  }

  /** Moves on. @returns The offset before. */
  #skip(count: number): number {
    const from = this.#at;
    if (count > this.#bytes.length - from) {
      this.#fail(`ends within a value of ${count} bytes`, from);
    }
    this.#at += count;
    return from;
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)]!;
  }

  /** An unsigned little-endian length of 4 or 8 bytes. */
  #size(width: 4 | 8): number {
    const from = this.#skip(width);
    return width === 4 ? this.#view.getUint32(from, true) : Number(this.#view.getBigUint64(from, true));
  }

  #raw(length: number): Uint8Array {
    const from = this.#skip(length);
    return this.#bytes.subarray(from, from + length);
  }

  #text(length: number): string {
    const from = this.#at;
    try {
      return UTF8.decode(this.#raw(length));
    } catch (error) {
      if (error instanceof ModelError) throw error;
      return this.#fail('holds text that is not UTF-8', from);
    }
  }

  #line(): string {
    const from = this.#at;
    const end = this.#bytes.indexOf(0x0a, from);
    if (end === -1) this.#fail('ends within a name', from);
    const text = this.#text(end - from);
    this.#skip(1);
    return text;
  }

  /** A signed little-endian integer of any length. */
  #long(length: number): number | bigint {
    const offset = this.#at;
    const raw = this.#raw(length);
    if (length > 64) return this.#fail(`holds an integer of ${length} bytes`, offset);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i]!);
    if (length > 0 && raw[length - 1]! >= 0x80) value -= 1n << BigInt(8 * length);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  #fail(problem: string, offset: number): never {
    throw new ModelError(`${this.#where}: ${problem} (byte ${offset} of its structure)`, [
      'the file is damaged, or is not what PyTorch’s torch.save writes',
    ]);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function nameOf(value: PickleValue): string {
  return value instanceof Global || value instanceof Opaque ? value.name : 'an object';
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Non-negative integers of a tuple, or null; `torch.Size` is written as a tuple. */
function counts(value: PickleValue | undefined): number[] | null {
  if (!(value instanceof PickleTuple)) return null;
  const { items } = value;
  return items.every(isCount) ? [...items] : null;
}
