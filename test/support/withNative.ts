import { native } from "../../src/fs/native.ts"
import type { Native } from "../../src/seams/native/koffi.ts"

/** Runs with other native calls than this machine's: as on a machine that lacks them, or that refuses them. */
export const withNative = <A>(changes: { readonly [K in keyof Native]: Native[K] | undefined }, run: () => A): A => {
  const before = { ...native }
  Object.assign(native, changes)
  try {
    return run()
  } finally {
    for (const key of Object.keys(native)) Reflect.deleteProperty(native, key)
    Object.assign(native, before)
  }
}
