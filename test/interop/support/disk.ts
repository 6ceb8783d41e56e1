import { mkdirSync, truncateSync, writeFileSync } from "node:fs"
import { onTestFinished } from "vitest"
import { run } from "./oracle.ts"

export interface Disk {
  readonly path: string
  readonly grow: (size: string) => void
}

/** A file system in memory of this size, such as `8m`, at a path that is not there; until the test ends. Needs root. */
export const mountDisk = (path: string, size: string): Disk => {
  mkdirSync(path)
  run("mount", "-t", "tmpfs", "-o", `size=${size},mode=0700`, "tmpfs", path)
  onTestFinished(() => {
    run("umount", path)
  })
  return { path, grow: (size) => void run("mount", "-o", `remount,size=${size}`, path) }
}

export const fileSystems = {
  xfs: ["mkfs.xfs", "-q", "-m", "reflink=1"],
  btrfs: ["mkfs.btrfs", "-q"],
  ext4: ["mkfs.ext4", "-q"]
} as const

/** A new file system in a file beside `path`, mounted there until the test ends. Needs root. */
export const mountFileSystem = (path: string, type: keyof typeof fileSystems): void => {
  const image = `${path}.image`
  const [program, ...flags] = fileSystems[type]
  mkdirSync(path)
  writeFileSync(image, "")
  // The least that all of them take.
  truncateSync(image, 2 ** 29)
  run(program, ...flags, image)
  run("mount", "-o", "loop", image, path)
  onTestFinished(() => {
    run("umount", path)
  })
}
