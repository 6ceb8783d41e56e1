/** Which hosts are not to be asked for ranges: they refuse them, or end the connection over them again and again. */

const capacity = 1000
/** Requests for a range, one after the other, that brought nothing: the next one is for the whole. */
const patience = 2

export class Rangeless {
  readonly #hosts = new Set<string>()
  readonly #fruitless = new Map<string, number>()

  has(origin: string): boolean {
    return this.#hosts.has(origin) || (this.#fruitless.get(origin) ?? 0) >= patience
  }
  /** It refused a range and gave the whole. */
  add(origin: string): void {
    if (this.#hosts.size >= capacity) this.#hosts.clear()
    this.#hosts.add(origin)
  }
  /** A connection that stood was ended, with no byte of the range. */
  nothingCame(origin: string): void {
    if (this.#fruitless.size >= capacity) this.#fruitless.clear()
    this.#fruitless.set(origin, (this.#fruitless.get(origin) ?? 0) + 1)
  }
  /** Bytes of a range came, or an answer to a request for the whole: ranges get another chance. */
  somethingCame(origin: string): void {
    this.#fruitless.delete(origin)
  }
}
