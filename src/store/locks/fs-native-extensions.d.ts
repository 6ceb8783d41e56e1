/** The function of it that ociflow uses; the package brings no types. */
declare module "fs-native-extensions" {
  interface LockOptions {
    readonly shared?: boolean
  }
  /**
   * Locks the whole file, or `length` bytes from `offset` on, without waiting: `false` where another open file has the
   * lock. Throws the system's error otherwise.
   */
  export function tryLock(fd: number, options?: LockOptions): boolean
  export function tryLock(fd: number, offset: number, length: number, options?: LockOptions): boolean
}
