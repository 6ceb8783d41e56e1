/** Where a peer's programs are: on this machine, or in the root file system of a newer distribution. */
import { mkdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { run, versionOf } from "../measure/Command.ts"

type Argv = readonly [string, ...ReadonlyArray<string>]

export interface Place {
  /** A peer's name, with what tells it from the same program of another place. */
  readonly named: (name: string) => string
  /** The command that runs a program of this place; it takes no more time than `chroot`. */
  readonly argv: (...argv: Argv) => Argv
  readonly version: (...argv: Argv) => Promise<string | undefined>
  /** Makes `directory`, and the one for temporary files, visible under the same paths. */
  readonly open: (directory: string) => Promise<AsyncDisposable>
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} }

export const thisMachine: Place = {
  named: (name) => name,
  argv: (...argv) => argv,
  version: versionOf,
  open: async () => nothing
}

const placeIn = (root: string): Place => {
  const open = async (...directories: ReadonlyArray<string>): Promise<AsyncDisposable> => {
    const points: Array<string> = []
    // All of them, whatever happens: who removes the root file system must not find the machine's own directories in it.
    const close = async () => {
      for (const point of points.reverse())
        await run({ argv: ["umount", "-R", point] }).catch(() => run({ argv: ["umount", "-R", "-l", point] }))
    }
    try {
      for (const directory of ["/proc", "/sys", "/dev", tmpdir(), ...directories]) {
        const point = join(root, directory)
        await mkdir(point, { recursive: true })
        await run({ argv: ["mount", "--rbind", "--make-rslave", directory, point] })
        points.push(point)
      }
    } catch (error) {
      await close()
      throw error
    }
    return { [Symbol.asyncDispose]: close }
  }
  const argv: Place["argv"] = (...command) => ["chroot", root, ...command]
  return {
    named: (name) => `${name}, newest`,
    argv,
    version: async (...command) => {
      await using _opened = await open()
      return await versionOf(...argv(...command))
    },
    open: (directory) => open(directory)
  }
}

const { PEERS_ROOT: newest } = process.env

/** This machine, and the root file system that `PEERS_ROOT` names, which `bench/setup.sh newest DIR` makes. */
export const places: ReadonlyArray<Place> = newest === undefined ? [thisMachine] : [thisMachine, placeIn(newest)]
