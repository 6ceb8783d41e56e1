/** A tree on disk as data, for comparing before and after, and for reading what an applier left. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join, relative } from "node:path"

const xattr = await import("fs-xattr").catch(() => undefined)

/** An attribute's value, or `undefined`: also where the file system, or the machine, has none. */
export const attribute = (path: string, name: string): string | undefined => {
  try {
    return xattr?.getAttributeSync(path, name).toString("latin1")
  } catch {
    return undefined
  }
}

export const attributes = (path: string): Record<string, string | undefined> => {
  try {
    return Object.fromEntries((xattr?.listAttributesSync(path) ?? []).map((name) => [name, attribute(path, name)]))
  } catch {
    return {}
  }
}

export const trySetAttribute = (path: string, name: string, value: string): void => {
  try {
    xattr?.setAttributeSync(path, name, value)
  } catch {
    // Not here, then: the rest of the comparison holds.
  }
}

/** What is said of `path` in the file beside the layer: the last line counts. */
export const besideOf = (root: string, path: string): Record<string, unknown> | undefined => {
  if (!existsSync(`${root}.stat`)) return undefined
  const lines = readFileSync(`${root}.stat`, "utf8").trimEnd().split("\n")
  return lines.map((line): Record<string, unknown> => JSON.parse(line)).findLast((line) => line["path"] === path)
}

/** The stat that a layer records for `path`, wherever this machine lets it be recorded. */
export const statOf = (root: string, path: string): unknown =>
  attribute(join(root, path), "user.containers.override_stat") ?? besideOf(root, path)?.["stat"]

interface Said {
  readonly attributes?: ReadonlyArray<{ readonly name: string; readonly value64: string }>
}

/** The attributes that came from the archive, wherever this machine lets them be kept. */
export const archiveAttributes = (root: string, path: string): Record<string, string | undefined> => {
  const { attributes: beside = [] } = (besideOf(root, path) ?? {}) as Said
  const kept = Object.entries(attributes(join(root, path))).filter(
    ([name]) => !name.startsWith("security.") && name !== "user.containers.override_stat"
  )
  return Object.fromEntries([
    ...kept,
    ...beside.map(({ name, value64 }) => [name, Buffer.from(value64, "base64").toString("latin1")])
  ])
}

/** Every fact of every file beneath `directory`, the directory among them; ctime tells of any change at all. */
export const snapshot = (
  directory: string,
  except: (path: string) => boolean = () => false
): Record<string, Record<string, unknown>> => {
  const tree: Record<string, Record<string, unknown>> = {}
  const visit = (path: string) => {
    if (except(path)) return
    const stats = lstatSync(path, { bigint: true })
    tree[relative(directory, path)] = {
      mode: stats.mode,
      uid: stats.uid,
      gid: stats.gid,
      links: stats.nlink,
      inode: stats.ino,
      mtime: stats.mtimeNs,
      ctime: stats.ctimeNs,
      ...(stats.isSymbolicLink() ? { target: readlinkSync(path) } : { attributes: attributes(path) }),
      ...(stats.isFile() ? { body: readFileSync(path, "latin1") } : {})
    }
    if (stats.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name))
  }
  visit(directory)
  return tree
}

/** The tree in short: `dir/`, `name -> target`, `name = body`. Sorted. */
export const outline = (root: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const visit = (path: string) => {
    for (const name of readdirSync(path)) {
      const full = join(path, name)
      const stats = lstatSync(full)
      const short = relative(root, full)
      if (stats.isDirectory()) {
        lines.push(`${short}/`)
        visit(full)
      } else if (stats.isSymbolicLink()) lines.push(`${short} -> ${readlinkSync(full)}`)
      else lines.push(`${short} = ${readFileSync(full, "utf8")}`)
    }
  }
  visit(root)
  return lines.sort()
}
