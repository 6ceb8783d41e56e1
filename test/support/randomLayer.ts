import { Prng } from "../../src/testing/index.ts"

/** A layer with one file of random bytes, which do not compress. The same seed gives the same layer. */
export const randomLayer = (seed: string, bytes = 300_000) => ({
  files: { [`${seed}.bin`]: new Prng(seed).bytes(bytes) }
})
