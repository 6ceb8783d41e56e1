import type { Limits } from "../../api/config.ts"
import { type CorruptLayer, LimitExceeded } from "../../api/errors.ts"
import { type Pax, parsePax } from "./Pax.ts"

export interface HeaderContext {
  readonly digest: string
  readonly limits: Limits
  readonly corrupt: (problem: string) => CorruptLayer
}

/** Type flags of the headers whose body says something about the next entry: PAX records, GNU's long names. */
export const isExtension = (typeflag: string): boolean => /^[xXLK]$/.test(typeflag)

/** What stands before an entry's own header. It is held in memory, and bounded by `limits.paxBytes`. */
export class ExtendedHeaders {
  readonly #context: HeaderContext
  #bytes = 0
  pax: Pax | undefined
  longName: string | undefined
  longLink: string | undefined

  constructor(context: HeaderContext) {
    this.#context = context
  }

  /** Something stands before an entry that has not come yet. */
  get isPending(): boolean {
    return this.#bytes > 0
  }

  /** Before bytes are taken into memory: extensions and sparse maps. Empty ones announce an entry, too. */
  count(bytes: number): void {
    const { digest, limits } = this.#context
    this.#bytes += Math.max(bytes, 1)
    if (this.#bytes > limits.paxBytes)
      throw new LimitExceeded({
        limit: "paxBytes",
        maximum: limits.paxBytes,
        unit: "bytes of extended header",
        subject: `layer ${digest}`
      })
  }

  /** `body` is kept, in part. */
  add(typeflag: string, body: Buffer): void {
    if (typeflag === "x" || typeflag === "X") {
      this.pax = parsePax(body, this.#context.corrupt)
      return
    }
    const nul = body.indexOf(0)
    const text = body.toString("latin1", 0, nul === -1 ? body.length : nul)
    if (typeflag === "L") this.longName = text
    else this.longLink = text
  }

  /** The entry's header has been read: the next entry has none of this. */
  clear(): void {
    this.pax = this.longName = this.longLink = undefined
  }

  /** The entry is announced, its sparse map among what was counted. */
  reset(): void {
    this.#bytes = 0
  }
}
