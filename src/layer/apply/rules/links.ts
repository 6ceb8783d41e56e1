/** Hard links: one inode under several names, whatever order the archive tells them in. */
import { type Directory, decode, ownName, PendingLink } from "../../Directory.ts"
import type { EntryHeader } from "../../Entry.ts"
import { atMost } from "../../limits.ts"
import { checkTarget, cleanName, type Refusal, unsafe } from "./cleanName.ts"
import type { FindAt, PathResolver } from "./PathResolver.ts"

/** What a hard link is made to. */
export interface LinkTarget {
  readonly directory: Directory
  readonly name: string
  readonly isSymlink: boolean
}

export interface LinksOptions {
  readonly refusal: Refusal
  readonly within: PathResolver
  readonly at: FindAt
  /** Removes what stands at a name, if anything does. */
  readonly vacate: (directory: Directory, name: string) => void
  /** Makes `name` another name of `target`, which is there. Nothing stands at `name`. */
  readonly join: (directory: Directory, name: string, target: LinkTarget) => void
  /** Called now and then; throws if the layer is no longer wanted. */
  readonly look: () => void
}

export interface Links {
  /** Makes the link, or keeps it for later if its target does not exist yet. */
  readonly link: (directory: Directory, name: string, header: EntryHeader) => void
  /** Makes the kept links: those whose target exists, then those to other links. Fails if a target is missing. */
  readonly finish: () => void
}

/** Bytes of memory that a waiting link takes, besides its names. */
const overhead = 256

/** Whether the directory is still in the tree: neither it nor one above it has been removed. */
const isAttached = (directory: Directory): boolean => {
  for (let place = directory; place.parent !== undefined; place = place.parent) {
    if (place.parent.children?.get(place.name) !== place) return false
  }
  return true
}

export const makeLinks = ({ refusal, within, at, vacate, join, look }: LinksOptions): Links => {
  let pending: Array<PendingLink> = []
  let bytes = 0

  const pathOf = ({ directory, name }: PendingLink) => [...directory.names, name].join("/")

  /** Gives false if there is no target. */
  const tryJoin = (
    place: Directory,
    last: string,
    directory: Directory,
    name: string,
    entry: () => string
  ): boolean => {
    const there = at(place, last)
    if (there === undefined) return false
    const [target, path] = [place.at(last), directory.at(name)]
    if (target === path) return true
    if (there === "directory") throw unsafe(refusal, entry(), "a hard link to a directory")
    if (target.startsWith(`${path}/`)) throw unsafe(refusal, entry(), "a hard link in the place of its target's parent")
    vacate(directory, name)
    within.forget()
    join(directory, name, { directory: place, name: last, isSymlink: typeof there === "object" })
    return true
  }

  return {
    link: (directory, name, header) => {
      const names = cleanName(checkTarget(header.linkPath, header.path, refusal), refusal)
      const last = names[names.length - 1]
      if (last === undefined) throw unsafe(refusal, header.path, "a hard link to the root")
      // Its last component is never followed.
      const place = within.find(names)
      if (place !== undefined && tryJoin(place, last, directory, name, () => header.path)) return
      // What was here is removed now, since another link to this name must not find it.
      vacate(directory, name)
      within.forget()
      const link = new PendingLink(directory, ownName(name), ownName(names.join("/")))
      bytes += overhead + link.name.length + link.target.length
      atMost(refusal.limits, "pendingBytes", bytes, () => `layer ${refusal.digest}`)
      directory.links ??= new Map()
      directory.links.set(link.name, link)
      pending.push(link)
    },

    finish: () => {
      // Keyed by directory and name, since a path could take four thousand bytes for each link.
      const waiting = new Map<Directory, Map<string, Array<PendingLink>>>()
      const ready: Array<readonly [Directory, string]> = []
      const alive = pending.filter(
        (link) => link.directory.links?.get(link.name) === link && isAttached(link.directory)
      )
      pending = []
      const missing: Array<PendingLink> = []
      for (const link of alive) {
        look()
        within.begin()
        const names = link.target.split("/")
        const [directory, name = ""] = [within.find(names), names[names.length - 1]]
        if (directory === undefined) {
          missing.push(link)
          continue
        }
        const there = waiting.get(directory) ?? new Map<string, Array<PendingLink>>()
        waiting.set(directory, there)
        const others = there.get(name)
        if (others !== undefined) others.push(link)
        else {
          there.set(ownName(name), [link])
          ready.push([directory, ownName(name)])
        }
      }
      for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
        const [place, last] = next
        const links = waiting.get(place)?.get(last)
        if (links === undefined || at(place, last) === undefined) continue
        waiting.get(place)?.delete(last)
        for (const link of links) {
          look()
          within.begin()
          const { directory, name } = link
          if (within.find([...directory.names, name]) !== directory) continue
          tryJoin(place, last, directory, name, () => pathOf(link))
          if (waiting.get(directory)?.has(name)) ready.push([directory, name])
        }
      }
      for (const there of waiting.values()) for (const links of there.values()) missing.push(...links.slice(0, 1))
      const [first] = missing
      if (first === undefined) return
      const target = JSON.stringify(decode(first.target))
      throw unsafe(refusal, pathOf(first), `a hard link to ${target}, which the layer does not hold`)
    }
  }
}
