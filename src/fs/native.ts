/**
 * The system calls that Node has no name for: fsetxattr and its like, futimens, utimensat, mknod, syncfs, OFD locks, FICLONE. koffi
 * calls them if it is installed. Without it, fs-xattr sets attributes. Without both, every caller has another way.
 * See docs/decisions/0005-native-calls.md.
 */
import { codeOf } from "../api/codeOf.ts"
import { loadKoffi, type Native } from "../seams/native/koffi.ts"
import { requireNative } from "../seams/native/nativePackage.ts"

export const loadFsXattr = (): Native | undefined => {
  try {
    const { getAttributeSync, listAttributesSync, removeAttributeSync, setAttributeSync } = requireNative(
      "fs-xattr"
    ) as typeof import("fs-xattr")
    const outcome = (call: () => void): string | undefined => {
      try {
        call()
        return undefined
      } catch (error) {
        return codeOf(error) || "EIO"
      }
    }
    // fs-xattr takes a path and follows links: the descriptor's own name does neither harm nor wrong.
    const named = (fd: number) => `/proc/self/fd/${fd}`
    const decoded = (name: string) => Buffer.from(name, "latin1").toString()
    return {
      setAttribute: (fd, path, name, value) => {
        const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
        const target = process.platform === "linux" ? named(fd) : path.toString()
        return outcome(() => setAttributeSync(target, decoded(name), bytes))
      },
      ...(process.platform === "linux" && {
        attributeNames: (fd: number) => {
          let names: ReadonlyArray<string> = []
          outcome(() => {
            names = listAttributesSync(named(fd)).map((name) => Buffer.from(name).toString("latin1"))
          })
          return names
        },
        attribute: (fd: number, name: string) => {
          let value: Buffer | undefined
          outcome(() => {
            value = getAttributeSync(named(fd), decoded(name))
          })
          return value
        },
        removeAttribute: (fd: number, name: string) => outcome(() => removeAttributeSync(named(fd), decoded(name)))
      })
    }
  } catch {
    return undefined
  }
}

/** What this machine offers, found once for each thread. */
export const native: Native = loadKoffi() ?? loadFsXattr() ?? {}
