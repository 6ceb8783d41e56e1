import { fsync } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { promisify } from "node:util"

const sync = promisify(fsync)

/** fsync(2), by the descriptor: the `FileHandle` of Yarn's Plug'n'Play cannot `sync`. Rejects with the system's error. */
export const syncHandle = ({ fd }: Pick<FileHandle, "fd">): Promise<void> => sync(fd)
