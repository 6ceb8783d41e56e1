/** The system calls through koffi, in the process. */
import { constants } from "node:os"
import { requireNative } from "./nativePackage.ts"

/** What the machine can do beyond Node. A call gives `undefined` when done, else the system's error code. */
export interface Native {
  /** fsetxattr(2). `path` names the same file and is used only where a descriptor cannot be. `name` is a binary string. */
  readonly setAttribute?: (fd: number, path: string | Buffer, name: string, value: Uint8Array) => string | undefined
  /** flistxattr(2), as binary strings; none where there are none, or the file system has none to list. */
  readonly attributeNames?: (fd: number) => ReadonlyArray<string>
  /** fgetxattr(2); `undefined` if the file has no attribute of this name. */
  readonly attribute?: (fd: number, name: string) => Buffer | undefined
  /** fremovexattr(2). */
  readonly removeAttribute?: (fd: number, name: string) => string | undefined
  /** lsetxattr(2): never follows the last component. */
  readonly setLinkAttribute?: (path: string | Buffer, name: string, value: Uint8Array) => string | undefined
  /** futimens(2), to the nanosecond; both times are set to the one given. */
  readonly setTimes?: (fd: number, seconds: number, nanos: number) => string | undefined
  /** utimensat(2) without following the last component. */
  readonly setLinkTimes?: (path: string | Buffer, seconds: number, nanos: number) => string | undefined
  /** mknod(2). `mode` holds the type bits; the umask applies. */
  readonly makeNode?: (path: string | Buffer, mode: number, major: number, minor: number) => string | undefined
  /** fcntl(2) with F_OFD_SETLK; a length of 0 is up to the end. `EAGAIN`: another open file has the lock. */
  readonly lockFile?: (fd: number, shared: boolean, offset: number, length: number) => string | undefined
  /** syncfs(2): all that the file system of this descriptor has to write is on its disk. */
  readonly syncFileSystem?: (fd: number) => string | undefined
  /** ioctl(2) with FICLONE: `to` becomes a file with the content of `from`, on the same blocks until one of them is written to. */
  readonly cloneFile?: (to: number, from: number) => string | undefined
}

type Call = (...values: ReadonlyArray<unknown>) => number
interface Libc {
  func(definition: string): Call
}
type Outcome = (result: number) => string | undefined

interface Koffi {
  load(library: null): Libc
  errno(): number
}

const codes = new Map(Object.entries(constants.errno).map(([code, number]) => [number, code]))
codes.set(constants.errno.ENOTSUP, "ENOTSUP")
codes.set(constants.errno.EAGAIN, "EAGAIN")

const terminated = (text: string | Buffer, encoding: "utf8" | "latin1") =>
  typeof text === "string" ? Buffer.from(`${text}\0`, encoding) : Buffer.concat([text, Buffer.of(0)])

/** Bytes of an attribute's name, at most (XATTR_NAME_MAX). */
const longestName = 255

/** What Linux lists at most (XATTR_LIST_MAX). */
const listBytes = 2 ** 16

/** The C types of `struct timespec` and `dev_t` are as written below on these and nowhere else. */
const known = () =>
  (process.platform === "linux" || process.platform === "darwin") &&
  (process.arch === "x64" || process.arch === "arm64" || (process.arch as string) === "riscv64")

export const loadKoffi = (): Native | undefined => {
  if (!known()) return undefined
  try {
    const koffi = requireNative("koffi") as Koffi
    const libc = koffi.load(null)
    const mac = process.platform === "darwin"
    const tail = mac ? ", uint32_t position, int options" : ", int flags"
    const fsetxattr = libc.func(`int fsetxattr(int fd, const void *name, const void *value, size_t size${tail})`)
    const setxattr = libc.func(
      `int ${mac ? "setxattr" : "lsetxattr"}(const void *path, const void *name, const void *value, size_t size${tail})`
    )
    const flistxattr = libc.func(`int64_t flistxattr(int fd, void *names, size_t size${mac ? ", int options" : ""})`)
    const fgetxattr = libc.func(
      `int64_t fgetxattr(int fd, const void *name, void *value, size_t size${mac ? ", uint32_t position, int options" : ""})`
    )
    const fremovexattr = libc.func(`int fremovexattr(int fd, const void *name${mac ? ", int options" : ""})`)
    const futimens = libc.func("int futimens(int fd, const int64_t *times)")
    const utimensat = libc.func("int utimensat(int fd, const void *path, const int64_t *times, int flags)")
    const [here, noFollow] = mac ? [-2, 0x20] : [-100, 0x100]
    const outcome = (result: number) => (result === 0 ? undefined : (codes.get(koffi.errno()) ?? "EIO"))
    const names = new Map<string, Buffer>()
    const nameOf = (name: string) => {
      const kept = names.get(name) ?? terminated(name, "latin1")
      if (names.size < 256 && name.length <= longestName) names.set(name, kept)
      return kept
    }
    let list: Buffer | undefined
    const times = new BigInt64Array(4)
    const fill = (seconds: number, nanos: number) => {
      times[0] = times[2] = BigInt(seconds)
      times[1] = times[3] = BigInt(nanos)
      return times
    }
    return {
      setAttribute: (fd, _path, name, value) =>
        outcome(fsetxattr(fd, nameOf(name), value, value.byteLength, 0, ...(mac ? [0] : []))),
      attributeNames: (fd) => {
        list ??= Buffer.alloc(listBytes)
        const length = Number(flistxattr(fd, list, listBytes, ...(mac ? [0] : [])))
        return length > 0 ? list.toString("latin1", 0, length - 1).split("\0") : []
      },
      attribute: (fd, name) => {
        list ??= Buffer.alloc(listBytes)
        const length = Number(fgetxattr(fd, nameOf(name), list, listBytes, ...(mac ? [0, 0] : [])))
        return length >= 0 ? Buffer.from(list.subarray(0, length)) : undefined
      },
      removeAttribute: (fd, name) => outcome(fremovexattr(fd, nameOf(name), ...(mac ? [0] : []))),
      setLinkAttribute: (path, name, value) =>
        outcome(setxattr(terminated(path, "utf8"), nameOf(name), value, value.byteLength, 0, ...(mac ? [0x0001] : []))),
      setTimes: (fd, seconds, nanos) => outcome(futimens(fd, fill(seconds, nanos))),
      setLinkTimes: (path, seconds, nanos) =>
        outcome(utimensat(here, terminated(path, "utf8"), fill(seconds, nanos), noFollow)),
      ...makeNodeWith(libc, outcome),
      ...syncWith(libc, outcome),
      ...lockWith(libc, outcome),
      ...cloneWith(libc, outcome)
    }
  } catch {
    return undefined
  }
}

/** Calls that Linux alone has, and not with every libc. */
const onLinux = <A extends Native>(calls: () => A): Partial<A> => {
  if (process.platform !== "linux") return {}
  try {
    return calls()
  } catch {
    return {}
  }
}

const syncWith = (libc: Libc, outcome: Outcome): Pick<Native, "syncFileSystem"> =>
  onLinux(() => {
    const syncfs = libc.func("int syncfs(int fd)")
    return { syncFileSystem: (fd: number) => outcome(syncfs(fd)) }
  })

/** `struct flock` of a 64-bit Linux: `l_type`, `l_whence` (of the start, 0), `l_start`, `l_len`, `l_pid` (0). */
const flock = (type: number, offset: number, length: number): Buffer => {
  const bytes = Buffer.alloc(32)
  bytes.writeInt16LE(type, 0)
  bytes.writeBigInt64LE(BigInt(offset), 8)
  bytes.writeBigInt64LE(BigInt(length), 16)
  return bytes
}

const lockWith = (libc: Libc, outcome: Outcome): Pick<Native, "lockFile"> =>
  onLinux(() => {
    const fcntl = libc.func("int fcntl(int fd, int command, ...)")
    const [setLock, readLock, writeLock] = [37, 0, 1]
    return {
      lockFile: (fd: number, shared: boolean, offset: number, length: number) =>
        outcome(fcntl(fd, setLock, "void *", flock(shared ? readLock : writeLock, offset, length)))
    }
  })

/** The number is that of the processors in `known`. */
const cloneWith = (libc: Libc, outcome: Outcome): Pick<Native, "cloneFile"> =>
  onLinux(() => {
    const ioctl = libc.func("int ioctl(int fd, unsigned long request, ...)")
    const clone = 0x40049409
    return { cloneFile: (to: number, from: number) => outcome(ioctl(to, clone, "int", from)) }
  })

/** glibc before 2.33 has no symbol `mknod`; the program of that name is used there. */
const makeNodeWith = (libc: Libc, outcome: Outcome): Pick<Native, "makeNode"> =>
  onLinux(() => {
    const mknod = libc.func("int mknod(const void *path, uint32_t mode, uint64_t device)")
    return {
      makeNode: (path: string | Buffer, mode: number, major: number, minor: number) => {
        const device = ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12)
        return outcome(mknod(terminated(path, "utf8"), mode, device >>> 0))
      }
    }
  })
