/** The names in a directory; none where there is no directory. */
import { readdir } from "node:fs/promises"
import { on, syscall } from "./syscall.ts"

export const list = (path: string) => on(["ENOENT", "ENOTDIR"], [])(syscall("readdir", path, () => readdir(path)))
