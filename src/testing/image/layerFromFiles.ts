/** Layers and images of what is on the host's disk. Bodies are read as the layer is made, never held. */
import { lstat, readdir, readlink, realpath } from "node:fs/promises"
import { join } from "node:path"
import { contentOfFile } from "../Content.ts"
import type { EntryOptions } from "../tar/EntryOptions.ts"
import { type Tar, tar } from "../tar/Tar.ts"
import { type ImageOptions, image } from "./image.ts"
import type { TestImage } from "./TestImage.ts"

export interface FilesOptions {
  /** Owner of everything. Default: root, as in most images, and not the user who runs this. */
  readonly uid?: number
  readonly gid?: number
  /** Whether to take an entry, by its path in the layer. Default: all. What a directory holds goes with it. */
  readonly keep?: (path: string) => boolean
}

/**
 * An archive of host files and directories by their path in the layer: `{ "usr/bin/node": process.execPath }`. Modes,
 * times, symlinks, hard links and what directories hold are as on the host; a symlink that is named itself is
 * followed. Missing parents are added. Further entries may be added to what is returned.
 */
export const layerFromFiles = async (
  files: Readonly<Record<string, string>>,
  options: FilesOptions = {}
): Promise<Tar> => {
  const { uid = 0, gid = 0, keep = () => true } = options
  const archive = tar("pax")
  const parents = new Set<string>()
  const links = new Map<string, string>()

  const addParents = (path: string) => {
    for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
      const parent = path.slice(0, slash)
      if (parents.has(parent)) continue
      parents.add(parent)
      archive.directory(parent, { uid, gid })
    }
  }
  const add = async (path: string, host: string): Promise<void> => {
    if (!keep(path)) return
    const stat = await lstat(host, { bigint: true })
    const options: EntryOptions = { uid, gid, mode: Number(stat.mode & 0o7777n), mtime: stat.mtimeNs }
    if (stat.isDirectory()) {
      if (path !== "" && !parents.has(path)) archive.directory(path, options)
      parents.add(path)
      for (const name of (await readdir(host)).sort())
        await add(path === "" ? name : `${path}/${name}`, join(host, name))
    } else if (stat.isSymbolicLink()) archive.symlink(path, await readlink(host), options)
    else if (stat.isFile()) {
      const inode = `${stat.dev}:${stat.ino}`
      const first = links.get(inode)
      if (first !== undefined) archive.hardLink(path, first, options)
      else archive.file(path, await contentOfFile(host), options)
      if (stat.nlink > 1n) links.set(inode, path)
    }
  }
  for (const [path, host] of Object.entries(files)) {
    addParents(path)
    await add(path, await realpath(host))
  }
  return archive
}

/** An image of one layer that holds what the directory holds. */
export const imageFromDirectory = async (
  directory: string,
  options: Omit<ImageOptions, "layers"> & FilesOptions = {}
): Promise<TestImage> => {
  const { uid, gid, keep, ...rest } = options
  const files: FilesOptions = {
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(keep === undefined ? {} : { keep })
  }
  return image({ ...rest, layers: [await layerFromFiles({ "": directory }, files)] })
}
