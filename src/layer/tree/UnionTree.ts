/**
 * Trees of layers on disk as one tree, the highest first, as overlayfs shows them: a whiteout hides what is beneath it, an
 * opaque directory is not merged. A merged tree is a union of one. For the worker.
 */
import { closeSync, constants, lstatSync, openSync, readSync, type Stats } from "node:fs"
import { namesIn } from "../../fs/removeTree.ts"
import { opaqueName, whiteoutPrefix } from "../apply/rules/whiteouts.ts"
import { toDisk } from "../Directory.ts"
import type { StoredLayers } from "../messages/WorkerJob.ts"
import { isImplied } from "../metadata/ownership.ts"
import type { Child } from "./findPath.ts"
import type { Described, StoredBytes, StoredTree } from "./StoredTree.ts"
import { StatRecords, type StoredEntry, storedEntry } from "./storedFacts.ts"

const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants

/** A path of one of the trees. */
export interface Place {
  /** Which tree: 0 is the highest. */
  readonly layer: number
  /** Beneath the tree's root; the root itself is empty. A binary string. */
  readonly path: string
  /** A higher tree hides what is in it, but not that it is there. */
  readonly isHidden?: boolean
}

/** The directories of several trees that are one, the highest first. */
export type Union = ReadonlyArray<Place>

const beneath = (path: string, name: string) => (path === "" ? name : `${path}/${name}`)

export class UnionTree implements StoredTree<Union, Place> {
  readonly root: Union
  readonly #layers: StoredLayers
  readonly #roots: ReadonlyArray<string>
  readonly #records: ReadonlyArray<StatRecords>

  constructor(layers: StoredLayers) {
    this.#layers = layers
    this.#roots = layers.directories.map((directory) => Buffer.from(directory).toString("latin1"))
    this.#records = this.#roots.map((root) => new StatRecords(root))
    const all = this.#roots.map((_, layer): Place => ({ layer, path: "" }))
    const last = all.findIndex((place) => this.#isOpaque(place))
    this.root = last === -1 ? all : all.slice(0, last + 1)
  }

  open(place: Place): StoredBytes {
    const fd = openSync(toDisk(this.#diskPath(place)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    return {
      read: (buffer, length, at) => readSync(fd, buffer, 0, length, at),
      close: () => closeSync(fd)
    }
  }

  close(): void {}

  /** Absolute, a binary string. */
  #diskPath({ layer, path }: Place): string {
    return beneath(this.#roots[layer] ?? "", path)
  }

  entry(place: Place): StoredEntry {
    const { ownership } = this.#layers
    return storedEntry(this.#diskPath(place), place.path, ownership, this.#recordsOf(place))
  }

  /** The facts of the highest tree that describes it. One that is only implied has none of its own. */
  describe(union: Union): Described | undefined {
    let first: Described | undefined
    for (const place of union) {
      const entry = this.entry(place)
      const described = { layer: place.layer, header: entry.header }
      first ??= described
      if (!isImplied(entry.header)) return described
    }
    return first
  }

  names(union: Union): ReadonlyArray<string> {
    const names = new Set<string>()
    for (const place of union)
      if (place.isHidden !== true)
        for (const name of namesIn(this.#diskPath(place))) if (!this.#isMarker(name)) names.add(name)
    return [...names].sort()
  }

  readonly child = (union: Union, name: string): Child<Union, Place> => {
    if (this.#isMarker(name)) return "missing"
    const found: Array<Place> = []
    let isHidden = false
    for (const { layer, path, isHidden: isPassed } of union) {
      if (isPassed === true) break
      const place = { layer, path: beneath(path, name), isHidden }
      const stats = this.#stats(place)
      if (stats !== undefined && this.#isWhiteout(place, stats)) break
      if (stats?.isDirectory()) found.push(place)
      else if (stats !== undefined) {
        if (found.some((it) => !this.#isBare(it))) break
        return this.#leaf(place, stats)
      }
      if (this.#hides({ layer, path }, name)) break
      if (stats?.isDirectory() && this.#isOpaque(place)) isHidden = true
    }
    const isThere = found.some((place) => !this.#isBare(place))
    return isThere ? { _tag: "Directory", directory: found } : "missing"
  }

  #leaf(place: Place, stats: Stats): Child<Union, Place> {
    const target = stats.isSymbolicLink() ? this.entry(place).header.linkPath : undefined
    return { _tag: "Leaf", leaf: place, target }
  }

  #recordsOf({ layer }: Place): StatRecords {
    const records = this.#records[layer]
    if (records === undefined) throw new Error(`there is no tree ${layer}`)
    return records
  }

  #stats(place: Place): Stats | undefined {
    return lstatSync(toDisk(this.#diskPath(place)), { throwIfNoEntry: false })
  }

  #overlay(place: Place, name: string): string | undefined {
    const { overlayAttributes } = this.#layers
    const value = this.entry(place).own.get(`${overlayAttributes}.overlay.${name}`)
    return value === undefined ? undefined : Buffer.from(value).toString("latin1")
  }

  #isMarker(name: string): boolean {
    return this.#layers.layout === "layers" && name.startsWith(whiteoutPrefix)
  }

  #isWhiteout(place: Place, stats: Stats): boolean {
    if (this.#layers.layout !== "overlay") return false
    if (stats.isCharacterDevice()) return stats.rdev === 0
    return stats.isFile() && stats.size === 0 && this.#overlay(place, "whiteout") !== undefined
  }

  /** A plain file beside it hides what lower layers have. */
  #hides({ layer, path }: Place, name: string): boolean {
    if (this.#layers.layout !== "layers") return false
    return this.#stats({ layer, path: beneath(path, whiteoutPrefix + name) }) !== undefined
  }

  #isOpaque(place: Place): boolean {
    const { layout } = this.#layers
    if (layout === "layers") return this.#stats({ ...place, path: beneath(place.path, opaqueName) }) !== undefined
    return layout === "overlay" && this.#overlay(place, "opaque") === "y"
  }

  /** The directory has nothing but whiteouts. If no lower layer has a directory there, it hides nothing, and does not count as one. */
  #isBare(place: Place): boolean {
    const { layout } = this.#layers
    if (layout === "rootfs" || !isImplied(this.entry(place).header)) return false
    const names = namesIn(this.#diskPath(place))
    if (names.length === 0) return layout === "overlay" && this.#isOpaque(place)
    return names.every((name) => {
      if (this.#isMarker(name)) return true
      const child = { ...place, path: beneath(place.path, name) }
      const stats = this.#stats(child)
      if (stats === undefined) return true
      return stats.isDirectory() ? this.#isBare(child) : this.#isWhiteout(child, stats)
    })
  }
}
