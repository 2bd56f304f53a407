/**
 * @file Reads the structure of a PyTorch checkpoint without running any of it.
 *
 * Python's pickle format is a program: it names functions and calls them. This reader has no way to
 * call anything. It keeps a stack of plain data; four constructors that `torch.save` uses for tensors
 * are recognised by name and described; every other function, class or object becomes an `Opaque`
 * marker that says where it stood. A marker holds no data, and nothing can be done with it. So the reader gets past
 * everything that a training framework adds to a checkpoint (optimizer, callbacks, hyper-parameters of any class).
 * A name that no checkpoint has reason to contain ends the reading at once, since such a file was made to harm whoever
 * opens it with Python.
 *
 * Only the opcodes of pickle protocols 2 to 5 are known. Any other opcode is refused by its code and offset. Work and
 * memory are linear in the size of the stream, since nothing is copied or walked.
 *
 * Source: Python's `pickletools` for the opcodes; PyTorch `torch/serialization.py` and
 * `torch/_utils.py` for how tensors are written.
 */

import { ModelError } from '../../domain/errors.js';
import { isHostile } from './hostile-names.js';
import { PickleBytes } from './pickle-bytes.js';
import {
  Global,
  Opaque,
  PickleDict,
  PickleList,
  PickleTuple,
  StoredNumbers,
  StoredTensor,
  counts,
  isCount,
  nameOf,
  type PickleValue,
} from './pickle-values.js';

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

/** Values far above what a checkpoint needs; a stream that exceeds one was not written by `torch.save`. */
const LIMITS = { operations: 20_000_000, stack: 1_000_000, marks: 10_000, memo: 5_000_000, rank: 8 };

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
  readonly #in: PickleBytes;
  readonly #where: string;
  #stack: PickleValue[] = [];
  /** Stacks below the marks. */
  readonly #below: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, where: string) {
    this.#in = new PickleBytes(bytes, where);
    this.#where = where;
  }

  run(): PickleValue {
    for (let operations = 0; operations < LIMITS.operations; operations++) {
      const offset = this.#in.at;
      const code = this.#in.byte();
      if (code === 0x2e /* STOP */) return this.#pop();
      this.#step(code, offset);
      if (this.#stack.length > LIMITS.stack || this.#below.length > LIMITS.marks) {
        return this.#in.fail('nests deeper than any checkpoint', offset);
      }
    }
    return this.#in.fail(`has more than ${LIMITS.operations} operations`, this.#in.at);
  }

  #step(code: number, offset: number): void {
    switch (code) {
      case 0x80: // PROTO
        this.#requireProtocol(this.#in.byte(), offset);
        return;
      case 0x95: // FRAME
        this.#in.skip(8);
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
        this.#stack.push(this.#in.view.getInt32(this.#in.skip(4), true));
        return;
      case 0x4b: // BININT1
        this.#stack.push(this.#in.byte());
        return;
      case 0x4d: // BININT2
        this.#stack.push(this.#in.view.getUint16(this.#in.skip(2), true));
        return;
      case 0x8a: // LONG1
        this.#stack.push(this.#in.long(this.#in.byte()));
        return;
      case 0x8b: // LONG4
        this.#stack.push(this.#in.long(this.#in.size(4)));
        return;
      case 0x47: // BINFLOAT
        this.#stack.push(this.#in.view.getFloat64(this.#in.skip(8), false));
        return;

      case 0x58: // BINUNICODE
        this.#stack.push(this.#in.text(this.#in.size(4)));
        return;
      case 0x8c: // SHORT_BINUNICODE
        this.#stack.push(this.#in.text(this.#in.byte()));
        return;
      case 0x8d: // BINUNICODE8
        this.#stack.push(this.#in.text(this.#in.size(8)));
        return;
      case 0x55: // SHORT_BINSTRING
      case 0x43: // SHORT_BINBYTES
        this.#stack.push(this.#in.raw(this.#in.byte()));
        return;
      case 0x54: // BINSTRING
      case 0x42: // BINBYTES
        this.#stack.push(this.#in.raw(this.#in.size(4)));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.#stack.push(this.#in.raw(this.#in.size(8)));
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
        this.#remember(this.#in.byte());
        return;
      case 0x72: // LONG_BINPUT
        this.#remember(this.#in.size(4));
        return;
      case 0x94: // MEMOIZE
        this.#remember(this.#memo.size);
        return;
      case 0x68: // BINGET
        this.#recall(this.#in.byte(), offset);
        return;
      case 0x6a: // LONG_BINGET
        this.#recall(this.#in.size(4), offset);
        return;

      case 0x63: // GLOBAL
        this.#stack.push(this.#global(this.#in.line(), this.#in.line(), offset));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') {
          this.#in.fail('names a function by something other than text', offset);
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
      case 0x62: // BUILD sets attributes of an object. Those of an OrderedDict are versions of modules.
        this.#pop();
        this.#top();
        return;
      default:
        this.#in.fail(
          `uses the opcode 0x${code.toString(16).padStart(2, '0')}, which torch.save does not write`,
          offset,
        );
    }
  }

  #requireProtocol(protocol: number, offset: number): void {
    if (protocol < 2 || protocol > 5)
      this.#in.fail(`is written in pickle protocol ${protocol}, not 2 to 5`, offset);
  }

  #global(module: string, name: string, offset: number): Global {
    const full = `${module}.${name}`;
    if (isHostile(module, name)) {
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
      return this.#in.fail('refers to a storage in a form that torch.save does not write', offset);
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
      return this.#in.fail('describes a tensor in a form that torch.save does not write', offset);
    }
    return new StoredTensor(storage, start, sizes, steps);
  }

  #closeTuple(): void {
    const items = this.#popMark();
    this.#stack.push(new PickleTuple(items));
  }

  /** Items for an unknown object are dropped: only its class knows what they would do. */
  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (list instanceof PickleList) for (const item of items) list.items.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (items.length % 2 !== 0) this.#in.fail('sets a key without a value', this.#in.at - 1);
    if (!(dict instanceof PickleDict)) return;
    for (let i = 0; i < items.length; i += 2) dict.entries.set(items[i]!, items[i + 1]!);
  }

  #remember(index: number): void {
    if (this.#memo.size >= LIMITS.memo)
      this.#in.fail(`remembers more than ${LIMITS.memo} values`, this.#in.at);
    this.#memo.set(index, this.#top());
  }

  #recall(index: number, offset: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) this.#in.fail(`recalls value ${index}, which was never remembered`, offset);
    this.#stack.push(value);
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    return value === undefined ? this.#in.fail('takes a value that is not there', this.#in.at - 1) : value;
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    return value === undefined ? this.#in.fail('takes a value that is not there', this.#in.at - 1) : value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) this.#in.fail('takes a value that is not there', this.#in.at - 1);
    return this.#stack.splice(this.#stack.length - count);
  }

  #popMark(): PickleValue[] {
    const items = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) return this.#in.fail('closes a list that was never begun', this.#in.at - 1);
    this.#stack = below;
    return items;
  }
}
