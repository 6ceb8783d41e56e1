/** The bytes of a table, as they are in the blob: the first ones that a worker gets of a layer with a table. */
import type { Limits } from "../../api/config.ts"
import { atMost } from "../limits.ts"
import type { RangeInput } from "./RangeInput.ts"
import type { TablePlace } from "./Table.ts"

const pieceBytes = 65_536

export const takeTable = (
  input: RangeInput,
  { offset, length }: TablePlace,
  { digest, limits }: { readonly digest: string; readonly limits: Limits }
): Buffer => {
  // What cannot be compressed becomes a little larger.
  if (length > limits.tableBytes + limits.tableBytes / 64 + 4096)
    atMost(limits, "tableBytes", length, () => `layer ${digest}`)
  const range = { from: offset, to: offset + length }
  const table = Buffer.allocUnsafeSlow(length)
  let at = 0
  input.expect([range])
  const take = (bytes: Uint8Array) => {
    table.set(bytes, at)
    at += bytes.length
    return true
  }
  input.take(range.from, range.to, () => pieceBytes, take)
  return table
}
