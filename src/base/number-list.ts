const SMALLEST = 64;

/** A list of numbers in one piece of memory: 8 bytes each, and nothing that the collector has to walk. */
export class NumberList {
  #items = new Float64Array(SMALLEST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  at(index: number): number | undefined {
    return index >= 0 && index < this.#length ? this.#items[index] : undefined;
  }

  push(value: number): void {
    if (this.#length === this.#items.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#items);
      this.#items = larger;
    }
    this.#items[this.#length] = value;
    this.#length += 1;
  }

  set(index: number, value: number): void {
    if (index < this.#length) this.#items[index] = value;
  }
}
