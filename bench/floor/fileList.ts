/** What `files.c` reads: the entries of one archive, by tar-stream alone. */
import { createReadStream } from "node:fs"
import { writeFile } from "node:fs/promises"
import { extract } from "tar-stream"

/** Returns the number of entries. Devices become empty files; a second entry of a name is left out. */
export const writeFileList = async (archive: string, list: string): Promise<number> => {
  const seen = new Set<string>()
  const lines: Array<string> = []
  const add = (kind: string, mode: number, size: number, mtime: number, path: string, target = "") => {
    if (path === "" || seen.has(path)) return
    seen.add(path)
    lines.push(`${kind} ${mode.toString(8)} ${size} ${mtime} ${path}\0${target}\0`)
  }
  const parents = (path: string) => {
    for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) add("d", 0o755, 0, 0, path.slice(0, at))
  }
  const entries = createReadStream(archive, { highWaterMark: 2 ** 20 }).pipe(extract())
  for await (const entry of entries) {
    const { name, type, mode = 0o644, size = 0, mtime, linkname } = entry.header
    const path = name.replace(/^(\.?\/)+/, "").replace(/\/$/, "")
    const seconds = Math.floor((mtime?.getTime() ?? 0) / 1000)
    parents(path)
    if (type === "directory") add("d", mode | 0o700, 0, 0, path)
    else if (type === "symlink") add("l", mode, 0, 0, path, linkname ?? "")
    else if (type === "link") add("h", mode, 0, 0, path, linkname?.replace(/^(\.?\/)+/, "") ?? "")
    else add("f", mode, type === "file" ? size : 0, seconds, path)
    entry.resume()
  }
  await writeFile(list, lines.join(""))
  return lines.length
}
