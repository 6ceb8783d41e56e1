/** Remembers which addresses of foreign layers sent wrong bytes, so that they are tried after the others. */
import type { BlobDescriptor } from "./BlobDescriptor.ts"

interface Known {
  /** Addresses that sent bytes of the blob, which are not verified yet. */
  readonly served: Set<string>
  readonly wrong: Set<string>
  /** Addresses of the descriptor. */
  readonly offered: number
}

/** Most blobs, addresses of one blob, and characters of one address: a manifest can name many, and long ones. */
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
  /** The blob proved wrong. True if there is an address that did not serve it. */
  reportMismatch(digest: string): boolean {
    const known = this.#known.get(digest)
    if (known === undefined || known.served.size === 0) return false
    for (const url of known.served) known.wrong.add(url)
    known.served.clear()
    return known.wrong.size < known.offered
  }
}
