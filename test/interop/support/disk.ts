import { mkdirSync } from "node:fs"
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
