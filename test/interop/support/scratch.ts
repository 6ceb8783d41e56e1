/**
 * A directory for stores that are made and removed many times. In memory where that can be had: a process that is killed
 * asks nothing of the disk, and an ext4 without a journal is many times slower after removals. `SCRATCH` names another.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setAttributeSync } from "fs-xattr"

export interface Scratch extends Disposable {
  readonly path: string
}

const quietly = (command: string, ...args: ReadonlyArray<string>) => execFileSync(command, args, { stdio: "ignore" })

/** Attributes of users on tmpfs need Linux 6.6. */
const mountMemory = (path: string): boolean => {
  try {
    quietly("mount", "-t", "tmpfs", "tmpfs", path)
  } catch {
    return false
  }
  try {
    setAttributeSync(path, "user.ociflow", Buffer.from("1"))
    return true
  } catch {
    quietly("umount", path)
    return false
  }
}

export const openScratch = (name: string): Scratch => {
  const at = process.env["SCRATCH"]
  const path = mkdtempSync(join(at ?? tmpdir(), `ociflow-${name}-`))
  const isMounted = at === undefined && mountMemory(path)
  return {
    path,
    [Symbol.dispose]() {
      if (isMounted) quietly("umount", path)
      rmSync(path, { recursive: true, force: true })
    }
  }
}
