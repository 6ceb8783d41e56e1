/** An archive taken apart as far as it can be: each entry with the extended headers before it. */
import { hasChecksum, isZero, numberAt } from "../../src/layer/tar/HeaderBlock.ts"

export interface Unit {
  readonly bytes: Buffer
  /** Offset of each header block within `bytes`. */
  readonly headers: ReadonlyArray<number>
}

const extensions = new Set(["x", "X", "g", "L", "K", "V"])
const bodiless = new Set(["1", "2", "3", "4", "5", "6"])

/** Stops at the first block that is not a header: the rest comes as one unit without headers. */
export const unitsOf = (archive: Buffer): Array<Unit> => {
  const units: Array<Unit> = []
  let headers: Array<number> = []
  let start = 0
  let at = 0
  const isHeader = (block: Buffer) => block.length === 512 && !isZero(block) && hasChecksum(block)
  while (isHeader(archive.subarray(at, at + 512))) {
    const type = String.fromCharCode(archive[at + 156] ?? 0)
    headers.push(at - start)
    const size = bodiless.has(type) ? 0 : numberAt(archive, at + 124, 12)
    at += 512
    // Extension blocks of an old GNU sparse map.
    if (type === "S" && archive[at - 512 + 482] !== 0) {
      while (at + 512 <= archive.length && archive[at + 504] !== 0) at += 512
      at += 512
    }
    if (size > 0) at += Math.ceil(size / 512) * 512
    if (at > archive.length) at = archive.length
    if (extensions.has(type)) continue
    units.push({ bytes: archive.subarray(start, at), headers })
    headers = []
    start = at
  }
  if (start < archive.length) units.push({ bytes: archive.subarray(start), headers })
  return units
}

/** Makes the checksum of a header right. */
export const repair = (block: Buffer, at: number): void => {
  block.fill(0x20, at + 148, at + 156)
  let sum = 0
  for (let i = at; i < at + 512; i++) sum += block[i] ?? 0
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1")
}

export const nameIn = (block: Buffer, at: number): string => {
  const end = block.indexOf(0, at)
  return block.toString("latin1", at, end === -1 ? at + 100 : Math.min(end, at + 100))
}
