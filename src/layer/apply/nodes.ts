/** Creates devices and FIFOs: real ones with `chown`, else empty files whose attribute says what they are. */
import { chmodSync, chownSync, closeSync, constants, lstatSync, openSync, renameSync, rmSync } from "node:fs"
import { native } from "../../fs/native.ts"
import { nodeChildProcess } from "../../seams/builtins.ts"
import { decode, toDisk } from "../Directory.ts"
import type { EntryHeader } from "../Entry.ts"
import { typeBits } from "../metadata/overrideStat.ts"

const failed = (syscall: string, code: string, path: string) => Object.assign(new Error(code), { code, syscall, path })

/** O_PATH: opening a device or a FIFO in any other way would act on it, or wait. */
const O_PATH = 0o10000000

/** mknod(1) takes text as a name, so the node is created beside the layer under a plain name, then moved. */
const makeByProgram = (
  root: string,
  path: string,
  { type, devMajor, devMinor }: Pick<EntryHeader, "type" | "devMajor" | "devMinor">
): void => {
  if (lstatSync(toDisk(path), { throwIfNoEntry: false }) !== undefined) throw failed("mknod", "EEXIST", decode(path))
  const beside = decode(`${root}.node`)
  rmSync(beside, { force: true })
  const kind = { "character-device": "c", "block-device": "b" }[type as string]
  const numbers = kind === undefined ? ["p"] : [kind, String(devMajor), String(devMinor)]
  const { status, error } = nodeChildProcess().spawnSync("mknod", ["-m", "600", "--", beside, ...numbers], {
    stdio: "ignore"
  })
  if (error !== undefined && "code" in error) throw failed("mknod", String(error.code), decode(path))
  if (status !== 0) throw failed("mknod", "EPERM", decode(path))
  renameSync(beside, toDisk(path))
}

/**
 * Creates what overlayfs takes for a whiteout, which everybody may do since Linux 5.8. False if the system refuses.
 * `root` and `path` are binary strings.
 */
export const makeWhiteoutNode = (root: string, path: string): boolean => {
  if (native.makeNode !== undefined)
    return native.makeNode(toDisk(path), typeBits["character-device"], 0, 0) === undefined
  try {
    makeByProgram(root, path, { type: "character-device", devMajor: 0, devMinor: 0 })
    return true
  } catch {
    return false
  }
}

/** A real node with its owner and mode. `root` and `path` are binary strings; nothing stands at `path`. */
export const makeRealNode = (root: string, path: string, header: EntryHeader): void => {
  const disk = toDisk(path)
  if (native.makeNode !== undefined) {
    const code = native.makeNode(disk, typeBits[header.type] | 0o600, header.devMajor, header.devMinor)
    if (code !== undefined) throw failed("mknod", code, decode(path))
  } else {
    makeByProgram(root, path, header)
  }
  const fd = openSync(disk, O_PATH | constants.O_NOFOLLOW)
  try {
    chownSync(`/proc/self/fd/${fd}`, header.uid, header.gid)
    chmodSync(`/proc/self/fd/${fd}`, header.mode)
  } finally {
    closeSync(fd)
  }
}
