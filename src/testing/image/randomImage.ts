/** Images made up from a seed: the same seed, the same archives; with `compression: "none"`, the same digests anywhere. */
import { tar } from "../tar/Tar.ts"
import { type ImageOptions, image } from "./image.ts"
import { Prng } from "./Prng.ts"
import type { TestImage } from "./TestImage.ts"

export interface RandomImageOptions extends Omit<ImageOptions, "layers"> {
  /** Default: 1 to 4, from the seed. */
  readonly layers?: number
  /** Entries in each layer, its root directories aside. Default: 5 to 40, from the seed. */
  readonly entries?: number
  /** Bytes of a file at most. Default 20 000. */
  readonly fileSize?: number
  /** Devices and FIFOs are among the entries. Default: none. */
  readonly nodes?: boolean
}

/** What was put into a layer, in the archive's order. */
export interface RandomEntry {
  readonly type:
    | "file"
    | "directory"
    | "symlink"
    | "hardLink"
    | "whiteout"
    | "opaque"
    | "fifo"
    | "characterDevice"
    | "blockDevice"
  /** For a whiteout: the path it hides; for an opaque marker: the directory. */
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  readonly body?: Uint8Array
  readonly target?: string
  /** Major and minor number. */
  readonly device?: readonly [number, number]
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
}

export interface RandomImage extends TestImage {
  /** Lowest layer first. */
  readonly entries: ReadonlyArray<ReadonlyArray<RandomEntry>>
}

/** Gzip's bytes may differ between zlib versions; the archives, and so the diffIDs, do not. */
export const randomImage = async (seed: string | number, options: RandomImageOptions = {}): Promise<RandomImage> => {
  const { layers, entries: count, fileSize = 20_000, nodes = false, ...rest } = options
  const prng = new Prng(seed)
  const below: Array<string> = []
  const entries = Array.from({ length: layers ?? 1 + prng.below(4) }, () => {
    const layer = randomLayer(prng, count ?? 5 + prng.below(36), { fileSize, nodes }, below)
    below.push(...layer.filter(({ type }) => type === "file" || type === "directory").map(({ path }) => path))
    return layer
  })
  return { ...(await image({ ...rest, layers: entries.map(archive) })), entries }
}

const randomLayer = (
  prng: Prng,
  count: number,
  { fileSize, nodes }: { readonly fileSize: number; readonly nodes: boolean },
  below: ReadonlyArray<string>
) => {
  const layer: Array<RandomEntry> = []
  const taken = new Set<string>()
  const directories: [string, ...Array<string>] = [""]
  const files: Array<string> = []
  const stat = (mode: number) => ({
    mode: mode | (prng.chance(0.1) ? 0o4000 : 0),
    uid: prng.pick([0, 0, 0, 1000, 65_534]),
    gid: prng.pick([0, 0, 0, 100, 65_534]),
    mtime: BigInt(prng.below(2 ** 31)) * 1_000_000_000n + BigInt(prng.below(1_000_000_000))
  })
  const fresh = () => {
    const words = prng.chance(0.1) ? `${prng.word(60)}-é ${prng.word(60)}` : prng.word()
    const path = `${prng.pick(directories)}${words}`
    return taken.has(path) ? `${path}-${taken.size}` : path
  }
  for (let i = 0; i < count; i++) {
    const path = fresh()
    const roll = prng.below(20)
    const [linked] = files.slice(prng.below(files.length))
    const [hidden] = below.slice(prng.below(below.length))
    taken.add(path)
    if (nodes && prng.chance(0.15)) {
      const type = prng.pick(["fifo", "characterDevice", "blockDevice"] as const)
      // The device 0:0 is a whiteout to overlayfs.
      const device = type === "fifo" ? {} : { device: [1 + prng.below(200), prng.below(256)] as const }
      layer.push({ type, path, ...device, ...stat(0o600) })
    } else if (roll < 4) {
      directories.push(`${path}/`)
      layer.push({ type: "directory", path, ...stat(0o755) })
    } else if (roll < 6) {
      layer.push({ type: "symlink", path, target: prng.pick(["/etc/passwd", "../up", prng.word()]), ...stat(0o777) })
    } else if (roll < 8 && linked !== undefined) {
      layer.push({ type: "hardLink", path, target: linked, ...stat(0o644) })
    } else if (roll < 9 && hidden !== undefined && !taken.has(hidden) && !taken.has(`hidden ${hidden}`)) {
      taken.add(`hidden ${hidden}`)
      layer.push({ type: "whiteout", path: hidden, ...stat(0) })
    } else if (roll < 10 && directories.length > 1 && !taken.has(`opaque ${directories.at(-1)}`)) {
      const directory = directories.at(-1) ?? ""
      taken.add(`opaque ${directory}`)
      layer.push({ type: "opaque", path: directory.slice(0, -1), ...stat(0) })
    } else {
      files.push(path)
      const body = prng.chance(0.5) ? prng.bytes(prng.below(fileSize)) : Buffer.alloc(prng.below(fileSize), prng.word())
      const xattrs = prng.chance(0.2) ? { xattrs: { "user.random": prng.bytes(prng.below(32)) } } : {}
      layer.push({ type: "file", path, body, ...xattrs, ...stat(0o644) })
    }
  }
  return layer
}

const archive = (entries: ReadonlyArray<RandomEntry>) => {
  const made = tar("pax")
  for (const {
    type,
    path,
    body = new Uint8Array(),
    target = "",
    device: [major, minor] = [0, 0],
    ...options
  } of entries) {
    const at = path.lastIndexOf("/") + 1
    if (type === "file") made.file(path, body, options)
    else if (type === "directory") made.directory(path, options)
    else if (type === "symlink") made.symlink(path, target, options)
    else if (type === "fifo") made.fifo(path, options)
    else if (type === "characterDevice") made.characterDevice(path, major, minor, options)
    else if (type === "blockDevice") made.blockDevice(path, major, minor, options)
    else if (type === "hardLink") made.hardLink(path, target, options)
    else if (type === "whiteout") made.file(`${path.slice(0, at)}.wh.${path.slice(at)}`, "", options)
    else made.file(`${path}/.wh..wh..opq`, "", options)
  }
  return made
}
