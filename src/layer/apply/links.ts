/** Hard links: one inode under several names, whatever order the archive tells them in. */
import { linkSync, lstatSync, readlinkSync, type Stats, symlinkSync } from "node:fs"
import { type Directory, toDisk } from "../Directory.ts"
import type { EntryHeader } from "../Entry.ts"
import { checkTarget, cleanName, decode, type Refusal, unsafe } from "./cleanName.ts"
import type { Within } from "./within.ts"

export interface LinksOptions {
  readonly refusal: Refusal
  readonly within: Within
  /** Removes what stands at a name, if anything does. */
  readonly vacate: (directory: Directory, name: string) => void
  /** A link has come to stand there. */
  readonly linked: (directory: Directory, name: string, target: string) => void
}

export interface Links {
  /** Links now, or keeps the link for later where its target is not there yet. */
  readonly link: (directory: Directory, name: string, header: EntryHeader) => void
  /** Makes the links that were kept: those whose target came, then those that wait for a link. A missing target fails. */
  readonly finish: () => void
}

/** Of an entry that waits no more than its names: its attributes are views of up to `paxBytes` of memory. */
type LinkNames = Pick<EntryHeader, "path" | "linkPath">

interface Pending {
  readonly directory: Directory
  readonly name: string
  readonly header: LinkNames
}

/** Whether a removal has taken the directory, or one above it, out of the tree since. */
const isAttached = (directory: Directory): boolean => {
  for (let place = directory; place.parent !== undefined; place = place.parent) {
    if (place.parent.children.get(place.name) !== place) return false
  }
  return true
}

const physical = (directory: Directory): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (let place = directory; place.parent !== undefined; place = place.parent) names.unshift(place.name)
  return names
}

export const makeLinks = ({ refusal, within, vacate, linked }: LinksOptions): Links => {
  let pending: Array<Pending> = []

  /** Where the target is, resolved as if the layer were `/`; its last component is never followed. */
  const locate = (header: LinkNames): string | undefined => {
    const names = cleanName(checkTarget(header.linkPath, header.path, refusal), refusal)
    const name = names[names.length - 1]
    if (name === undefined) throw unsafe(refusal, header.path, "a hard link to the root")
    return within.find(names)?.at(name)
  }

  const join = (target: string, stats: Stats, { directory, name, header }: Pending): void => {
    const path = directory.at(name)
    if (target === path) return
    if (stats.isDirectory()) throw unsafe(refusal, header.path, "a hard link to a directory")
    if (target.startsWith(`${path}/`))
      throw unsafe(refusal, header.path, "a hard link in the place of its target's parent")
    vacate(directory, name)
    within.forget()
    // link(2) follows a symbolic link everywhere but on Linux.
    if (stats.isSymbolicLink() && process.platform !== "linux") {
      symlinkSync(readlinkSync(toDisk(target), "buffer"), toDisk(path))
    } else {
      linkSync(toDisk(target), toDisk(path))
    }
    linked(directory, name, target)
  }

  return {
    link: (directory, name, header) => {
      const target = locate(header)
      const stats = target === undefined ? undefined : lstatSync(toDisk(target), { throwIfNoEntry: false })
      if (target !== undefined && stats !== undefined) return join(target, stats, { directory, name, header })
      // What stood here is gone from now on: another link to this name must not find it.
      vacate(directory, name)
      within.forget()
      const names = { path: header.path, linkPath: header.linkPath }
      directory.links ??= new Map()
      directory.links.set(name, names)
      pending.push({ directory, name, header: names })
    },

    finish: () => {
      const waiting = new Map<string, Array<Pending>>()
      const alive = pending.filter((p) => p.directory.links?.get(p.name) === p.header && isAttached(p.directory))
      pending = []
      for (const link of alive) {
        const target = locate(link.header) ?? ""
        const others = waiting.get(target)
        if (others === undefined) waiting.set(target, [link])
        else others.push(link)
      }
      const ready = [...waiting.keys()].filter((target) => target !== "")
      for (let target = ready.pop(); target !== undefined; target = ready.pop()) {
        const stats = lstatSync(toDisk(target), { throwIfNoEntry: false })
        if (stats === undefined) continue
        const links = waiting.get(target) ?? []
        waiting.delete(target)
        for (const link of links) {
          if (within.find([...physical(link.directory), link.name]) !== link.directory) continue
          join(target, stats, link)
          const path = link.directory.at(link.name)
          if (waiting.has(path)) ready.push(path)
        }
      }
      for (const [first] of waiting.values()) {
        if (first === undefined) continue
        const { header } = first
        throw unsafe(
          refusal,
          header.path,
          `a hard link to ${JSON.stringify(decode(header.linkPath))}, which the layer does not hold`
        )
      }
    }
  }
}
