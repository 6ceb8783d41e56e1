/** The two functions of it that ociflow uses; the package brings no types. */
declare module "fs-native-extensions" {
  /** Asks without waiting: `false` where another open file has the lock. Throws the system's error otherwise. */
  export const tryLock: (fd: number, options?: { readonly shared?: boolean }) => boolean
}
