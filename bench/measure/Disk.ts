/**
 * Where pulls are measured: a fresh ext4 with a journal in a sparse file, mounted over a loop device. On an ext4
 * without a journal, which some machines have as their root, the kernel avoids inodes that were deleted lately: to
 * extract right after a removal is then up to 19 times slower, and that hides every other difference.
 */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run } from "./Command.ts"

export interface Disk extends AsyncDisposable {
  readonly path: string
  /** What it is, for the report. */
  readonly kind: string
  /** A path that does not exist yet, with nothing of the run before still on its way to the disk. */
  readonly fresh: () => Promise<string>
  readonly remove: (path: string) => Promise<void>
}

const mountsUnder = async (path: string): Promise<ReadonlyArray<string>> =>
  (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? [])
    .filter((point) => point.startsWith(`${path}/`))
    .reverse()

const place = (path: string, kind: string, close: () => Promise<void>): Disk => {
  let count = 0
  return {
    path,
    kind,
    fresh: async () => {
      await run({ argv: ["sync", "-f", path] })
      count += 1
      return join(path, `run-${count}`)
    },
    remove: async (target) => {
      // podman leaves its storage mounted.
      for (const point of await mountsUnder(target)) await run({ argv: ["umount", point] })
      await run({ argv: ["rm", "-rf", target] })
    },
    [Symbol.asyncDispose]: close
  }
}

/** `parent`: where the sparse file goes (default: the directory for temporary files). Mounting needs root. */
export const openDisk = async (parent: string = tmpdir(), size = "40G"): Promise<Disk> => {
  await mkdir(parent, { recursive: true })
  const scratch = await mkdtemp(join(parent, "ociflow-bench-"))
  const clear = () => rm(scratch, { recursive: true, force: true })
  const path = join(scratch, "disk")
  await mkdir(path)
  if (process.getuid?.() !== 0) {
    console.error("Not root: measured in a directory as it is, not on a file system of its own. See bench/README.md.")
    return place(path, "a directory", clear)
  }
  const image = join(scratch, "ext4")
  await run({ argv: ["truncate", "-s", size, image] })
  await run({ argv: ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image] })
  await run({ argv: ["mount", "-o", "loop", image, path] })
  return place(path, "ext4 with a journal, in a loop file", async () => {
    for (const point of await mountsUnder(path)) await run({ argv: ["umount", point] })
    await run({ argv: ["umount", path] })
    await clear()
  })
}
