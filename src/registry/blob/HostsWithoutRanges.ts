/** Hosts that get no range requests, because they refuse them, or end the connection over them again and again. */

const capacity = 1000
/** Range requests in a row without a byte, after which the whole blob is requested. */
const patience = 2

export class HostsWithoutRanges {
  readonly #hosts = new Set<string>()
  readonly #fruitless = new Map<string, number>()

  has(origin: string): boolean {
    return this.#hosts.has(origin) || (this.#fruitless.get(origin) ?? 0) >= patience
  }
  /** The host refused a range, and sent the whole blob. */
  add(origin: string): void {
    if (this.#hosts.size >= capacity && !this.#hosts.has(origin)) this.#hosts.clear()
    this.#hosts.add(origin)
  }
  /** An established connection ended before any byte of the range. */
  nothingCame(origin: string): void {
    const before = this.#fruitless.get(origin)
    if (this.#fruitless.size >= capacity && before === undefined) this.#fruitless.clear()
    this.#fruitless.set(origin, (before ?? 0) + 1)
  }
  /** Bytes of a range arrived, or an answer to a request for the whole: ranges are tried again. */
  somethingCame(origin: string): void {
    this.#fruitless.delete(origin)
  }
}
