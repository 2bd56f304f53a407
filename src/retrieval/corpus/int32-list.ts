/**
 * @file A list of 32-bit integers that grows: what an array of numbers would be at a quarter of the memory.
 */

export class Int32List {
  #data = new Int32Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const grown = new Int32Array(Math.ceil(this.#data.length * 1.5));
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length++] = value;
  }

  at(index: number): number {
    return this.#data[index]!;
  }

  set(index: number, value: number): void {
    this.#data[index] = value;
  }

  increment(index: number): void {
    this.#data[index]!++;
  }

  /** The values in an array of exactly their number; the list is not used afterwards. */
  finish(): Int32Array {
    return this.#data.slice(0, this.#length);
  }
}
