/** Sparse files in the four forms there are (GNU tar manual, "Storing Sparse Files"). */
import { blockSize, bytesOf, numberField, padding, type Text } from "./Header.ts"
import type { PaxRecords } from "./pax.ts"

/** `gnu`: type S with the map in the header. `pax-0.0`, `pax-0.1`: the map in records. `pax-1.0`: before the data. */
export type SparseForm = "gnu" | "pax-0.0" | "pax-0.1" | "pax-1.0"

/** Bytes at an offset. GNU tar wants each but the last to be whole blocks long. */
export type Region = readonly [offset: number, data: Text]

export type SparseMap = ReadonlyArray<readonly [offset: number | bigint, length: number | bigint]>

/** The map of the regions, closed by an empty one where the file ends in a hole, as GNU tar does. */
export const mapOf = (size: number, regions: ReadonlyArray<Region>): SparseMap => {
  const map = regions.map(([offset, data]) => [offset, bytesOf(data).length] as const)
  const [offset, length] = map.at(-1) ?? [0, 0]
  return offset + length === size && map.length > 0 ? map : [...map, [size, 0]]
}

const pair = ([offset, length]: SparseMap[number]) => Buffer.concat([numberField(offset, 12), numberField(length, 12)])

/** Four pairs fit the header at 386; then blocks of 21, each with a flag at 504 that says whether another follows. */
export const gnuSparse = (
  realSize: number | bigint,
  map: SparseMap
): {
  readonly patches: ReadonlyArray<readonly [offset: number, bytes: Uint8Array]>
  readonly extensions: Uint8Array
} => {
  const extensions: Array<Uint8Array> = []
  for (let i = 4; i < map.length; i += 21) {
    const block = Buffer.alloc(blockSize)
    block.set(Buffer.concat(map.slice(i, i + 21).map(pair)))
    block[504] = i + 21 < map.length ? 1 : 0
    extensions.push(block)
  }
  const patches = [
    [386, Buffer.concat(map.slice(0, 4).map(pair))],
    [482, Uint8Array.of(extensions.length > 0 ? 1 : 0)],
    [483, numberField(realSize, 12)]
  ] as const
  return { patches, extensions: Buffer.concat(extensions) }
}

export const paxSparse = (
  form: Exclude<SparseForm, "gnu">,
  name: Text,
  realSize: number | bigint,
  map: SparseMap
): { readonly records: PaxRecords; readonly before: Uint8Array } => {
  const none = new Uint8Array()
  if (form === "pax-1.0") {
    const text = Buffer.from(`${map.length}\n${map.map(([offset, length]) => `${offset}\n${length}\n`).join("")}`)
    return {
      records: [
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.name", name],
        ["GNU.sparse.realsize", String(realSize)]
      ],
      before: Buffer.concat([text, padding(text.length)])
    }
  }
  const head: PaxRecords = [
    ["GNU.sparse.size", String(realSize)],
    ["GNU.sparse.numblocks", String(map.length)]
  ]
  if (form === "pax-0.1")
    return { records: [...head, ["GNU.sparse.name", name], ["GNU.sparse.map", map.flat().join(",")]], before: none }
  const pairs = map.flatMap(
    ([offset, length]): PaxRecords => [
      ["GNU.sparse.offset", String(offset)],
      ["GNU.sparse.numbytes", String(length)]
    ]
  )
  return { records: [...head, ...pairs], before: none }
}
