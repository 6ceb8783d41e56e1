/**
 * Numbers from a seed: the same on every machine and in every version. mulberry32 over a 32-bit state, seeded with the
 * seed's FNV-1a hash. Good for tests, for nothing else.
 */
export class Prng {
  #state: number

  constructor(seed: string | number) {
    this.#state = [...Buffer.from(String(seed))].reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5)
  }

  /** 32 bits, unsigned. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  /** From 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor((this.next() / 2 ** 32) * end)
  }
  chance(probability: number): boolean {
    return this.next() / 2 ** 32 < probability
  }
  pick<A>(values: readonly [A, ...ReadonlyArray<A>]): A {
    return values[this.below(values.length)] ?? values[0]
  }
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length + 3)
    for (let i = 0; i < length; i += 4) bytes.writeUInt32LE(this.next(), i)
    return bytes.subarray(0, length)
  }
  /** Lower-case letters. */
  word(length = 3 + this.below(8)): string {
    return Array.from({ length }, () => String.fromCharCode(97 + this.below(26))).join("")
  }
}
