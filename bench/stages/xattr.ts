import { closeSync, mkdirSync, openSync, utimesSync } from "node:fs"
import { setAttributeSync } from "fs-xattr"
import { loadFsXattr, native } from "../../src/fs/native.ts"
import { overrideStatName } from "../../src/layer/metadata/overrideStat.ts"
import type { Bench } from "../Bench.ts"
import { micro, type Task } from "../measure/micro.ts"

export const question = "What does the attribute with a file's owner and mode cost, and setting its time?"

const count = 2_000
const value = Buffer.from("0:0:0100644")

export const run = async (bench: Bench) => {
  const disk = await bench.disk()
  let directory = ""
  let files: ReadonlyArray<{ readonly fd: number; readonly path: string }> = []
  const before = async () => {
    for (const { fd } of files) closeSync(fd)
    if (directory !== "") await disk.remove(directory)
    directory = await disk.fresh()
    mkdirSync(directory)
    files = Array.from({ length: count }, (_, index) => {
      const path = `${directory}/${index}`
      return { fd: openSync(path, "wx"), path }
    })
  }
  const task = (what: string, once: (fd: number, path: string) => unknown): Task => ({
    what,
    amount: count,
    unit: "/s",
    before,
    run: () => {
      for (const { fd, path } of files) once(fd, path)
    }
  })
  const { setAttribute, setTimes } = native
  const fallback = (await loadFsXattr())?.setAttribute
  const figures = await micro(bench, [
    ...(setAttribute
      ? [task("override_stat, as this machine has it", (fd, path) => setAttribute(fd, path, overrideStatName, value))]
      : []),
    ...(fallback
      ? [task("override_stat, by fs-xattr", (fd, path) => fallback(fd, path, overrideStatName, value))]
      : []),
    task("fs-xattr alone, by path", (_, path) => setAttributeSync(path, overrideStatName, value)),
    ...(setTimes ? [task("time, by descriptor", (fd) => setTimes(fd, 1_700_000_000, 0))] : []),
    task("time, by fs.utimesSync", (_, path) => utimesSync(path, 1_700_000_000, 1_700_000_000))
  ])
  for (const { fd } of files) closeSync(fd)
  if (directory !== "") await disk.remove(directory)
  return figures
}
