/** Which addresses of foreign layers served bytes that proved wrong: they are asked after the others. */
import type { BlobDescriptor } from "./BlobDescriptor.ts"

interface Known {
  /** Gave bytes of the blob, which nobody has proven yet. */
  readonly served: Set<string>
  readonly wrong: Set<string>
  /** Addresses of the descriptor. */
  readonly offered: number
}

/** Blobs, addresses of one, and characters of one address: a manifest may name many, and long ones. */
const [mostBlobs, mostAddresses, longest] = [100, 32, 4096]

export class ForeignAddresses {
  readonly #known = new Map<string, Known>()

  wrong(digest: string): Iterable<string> {
    return this.#known.get(digest)?.wrong ?? []
  }
  served({ digest, urls = [] }: BlobDescriptor, url: string): void {
    if (url.length > longest) return
    const known = this.#known.get(digest) ?? { served: new Set(), wrong: new Set(), offered: urls.length }
    if (known.served.size + known.wrong.size >= mostAddresses) known.wrong.clear()
    known.served.add(url)
    if (this.#known.size >= mostBlobs && !this.#known.has(digest)) this.#known.clear()
    this.#known.set(digest, known)
  }
  /** The blob proved to be wrong. True where an address is left that did not serve it. */
  doubt(digest: string): boolean {
    const known = this.#known.get(digest)
    if (known === undefined || known.served.size === 0) return false
    for (const url of known.served) known.wrong.add(url)
    known.served.clear()
    return known.wrong.size < known.offered
  }
}
