/** A decoder's failure on its way to another thread. */
import { CorruptLayer } from "../../../api/errors.ts"
import { type PackedReason, packReason, unpackReason } from "../../messages/packReason.ts"

export const packFault = (error: unknown, digest: string): string => JSON.stringify(packReason(error, digest))

export const unpackFault = (text: string, digest: string): Error => {
  try {
    return unpackReason(JSON.parse(text) as PackedReason)
  } catch {
    // Cut, since it was too long.
    return new CorruptLayer({ digest, stage: "decompress", problem: text })
  }
}
