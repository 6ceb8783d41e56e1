/** The registry that the matrix pulls from, and what its programs are told of it. */
import { fault, image, Prng, startRegistry, type TestRegistry } from "../../src/testing/index.ts"

export interface Images {
  /** A layer in gzip, one in zstd. */
  readonly image: string
  /** The second layer hides what the first has in `srv`, and its `motd`. */
  readonly opaque: string
  /** Half of its layer arrives, then no more. */
  readonly slow: string
  /** No such tag. */
  readonly missing: string
}

export const startImages = async (): Promise<{ readonly registry: TestRegistry; readonly images: Images }> => {
  const platform = `linux/${process.arch === "x64" ? "amd64" : process.arch}`
  const motd = { files: { motd: "hello\n", "srv/old": "old\n" } }
  const page = { files: { page: "hi\n" }, compression: "zstd" } as const
  const opaque = { files: { page: "hi\n", "srv/.wh..wh..opq": "", "srv/new": "new\n" } }
  const large = { files: { large: new Prng("large").bytes(4 * 2 ** 20) } }
  const layersOf = { app: [motd, page], opaque: [motd, opaque], slow: [large] }
  const made = await Promise.all(
    Object.entries(layersOf).map(async ([name, layers]) => [`${name}:1`, await image({ platform, layers })] as const)
  )
  const registry = await startRegistry({ images: Object.fromEntries(made) })
  const slow = made.at(-1)?.[1].manifests[0]?.layers[0]?.digest ?? ""
  registry.fault({ kind: "blob", reference: slow }, fault.stall(2 * 2 ** 20))
  const images = {
    image: registry.reference("app:1"),
    opaque: registry.reference("opaque:1"),
    slow: registry.reference("slow:1"),
    missing: registry.reference("app:missing")
  }
  return { registry, images }
}
