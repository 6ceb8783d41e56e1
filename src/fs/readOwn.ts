/** A small file that a store keeps for itself, as text; `undefined` where there is none, or what is there is no small file. */

import { notRegular, readRegular } from "./openRegular.ts"
import { ifMissing, recoverFrom, syscall } from "./syscall.ts"

/** Bytes. A path, a digest and a fingerprint are far less. */
const most = 2 ** 16

export const readOwn = (path: string) =>
  syscall("read", path, async () => (await readRegular(path, most)).toString()).pipe(
    ifMissing,
    recoverFrom(["EFBIG", ...notRegular], undefined)
  )
