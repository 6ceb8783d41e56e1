/**
 * Archives that no honest tool writes, each with one thing wrong. `evil` is a file that must never be seen: a reader
 * that shows it was led astray. `good` comes before what is wrong and may be seen.
 */
import { base256, blockSize, padding } from "./Header.ts"
import { paxRecord, paxRecords } from "./pax.ts"
import { type Tar, tar } from "./Tar.ts"

export interface Malformed {
  /** What is wrong, in a few words: a test's name. */
  readonly name: string
  /**
   * What a careful reader does. `refuse`: an error. `ignore`: the wrong thing has no effect and the rest is read;
   * `either` where readers differ and both are safe, as long as `evil` is not seen.
   */
  readonly careful: "refuse" | "ignore" | "either"
  readonly bytes: Uint8Array
}

/** An archive with an honest file first, then whatever `add` does. */
const after = (add: (archive: Tar) => Tar): Uint8Array => add(tar("gnu").file("good", "good")).bytes()

/** A whole archive of one file, to be hidden in something. */
const hidden = (): Uint8Array => tar("gnu").file("evil", "evil").bytes()

const zeros = (blocks: number) => new Uint8Array(blocks * blockSize)

const sizes = (): ReadonlyArray<Malformed> => [
  {
    name: "a size that reaches past the end",
    careful: "refuse",
    bytes: after((t) => t.file("long", "short", { header: { size: 1_000_000 } }).end())
  },
  {
    name: "a size of 2^62",
    careful: "refuse",
    bytes: after((t) => t.file("long", "short", { header: { size: 2n ** 62n } }).end())
  },
  {
    name: "a negative size",
    careful: "refuse",
    bytes: after((t) => t.file("negative", "", { header: { size: base256(-512n, 12) } }).end())
  },
  {
    name: "a size that is not a number",
    careful: "refuse",
    bytes: after((t) => t.file("letters", "", { header: { size: "12three4567\0" } }).end())
  },
  {
    name: "a PAX size that is negative",
    careful: "refuse",
    bytes: after((t) => t.extension("x", "x", paxRecord("size", "-1")).file("negative", "").end())
  },
  {
    name: "a PAX size that is not a number",
    careful: "refuse",
    bytes: after((t) => t.extension("x", "x", paxRecord("size", "0x10")).file("letters", "").end())
  },
  {
    name: "a PAX size over a smaller one in the header: an archive hides in the body",
    careful: "ignore",
    bytes: after((t) => {
      const body = Buffer.concat([zeros(1), hidden()])
      return t
        .extension("x", "x", paxRecord("size", String(body.length)))
        .file("host", "", { header: { size: 0 } })
        .raw(body)
        .raw(padding(body.length))
        .end()
    })
  }
]

const blocks = (): ReadonlyArray<Malformed> => [
  {
    name: "a wrong checksum",
    careful: "refuse",
    bytes: after((t) => t.file("evil", "evil", { header: { checksum: 1 } }).end())
  },
  {
    name: "a checksum that is empty",
    careful: "refuse",
    bytes: after((t) => t.header({ checksum: "\0\0\0\0\0\0\0\0" }).end())
  },
  { name: "a header cut off", careful: "refuse", bytes: after((t) => t.raw(hidden().subarray(0, 200))) },
  { name: "a body cut off", careful: "refuse", bytes: after((t) => t.header({ name: "cut", size: 2000 }).raw("some")) },
  { name: "padding cut off", careful: "either", bytes: after((t) => t.header({ name: "cut", size: 4 }).raw("some")) },
  { name: "no end marker", careful: "either", bytes: after((t) => t) },
  { name: "half an end marker", careful: "either", bytes: after((t) => t.end(1)) },
  { name: "an entry after the end marker", careful: "ignore", bytes: after((t) => t.end().raw(hidden()).end()) },
  { name: "no archive at all", careful: "refuse", bytes: Buffer.alloc(4 * blockSize, "no archive at all ") },
  { name: "garbage after the end marker", careful: "ignore", bytes: after((t) => t.end().raw(Buffer.alloc(700, 0xaa))) }
]

/** POSIX: these types have no body, whatever their size says; what follows is the next header. */
const bodiless = (): ReadonlyArray<Malformed> =>
  (
    [
      ["a directory", "5"],
      ["a symlink", "2"],
      ["a FIFO", "6"],
      ["a character device", "3"],
      ["a block device", "4"]
    ] as const
  ).map(([name, type]) => ({
    name: `${name} with a size, and no body`,
    careful: "ignore",
    bytes: after((t) =>
      t
        .header({ name: `sized${type === "5" ? "/" : ""}`, type, size: 512, linkName: type === "2" ? "good" : "" })
        .file("next", "next")
        .end()
    )
  }))

const names = (): ReadonlyArray<Malformed> => [
  {
    name: "a NUL in a PAX path",
    careful: "refuse",
    bytes: after((t) => t.extension("x", "x", paxRecord("path", "safe\0evil")).file("fallback", "").end())
  },
  {
    name: "a NUL in a PAX link path",
    careful: "refuse",
    bytes: after((t) => t.extension("x", "x", paxRecord("linkpath", "safe\0evil")).symlink("link", "fallback").end())
  },
  {
    name: "a long name with nothing after it",
    careful: "either",
    bytes: after((t) => t.extension("L", "././@LongLink", Buffer.from(`${"n".repeat(200)}\0`)).end())
  },
  {
    name: "a long name of 8 MiB",
    careful: "refuse",
    bytes: after((t) =>
      t
        .extension("L", "././@LongLink", Buffer.alloc(2 ** 23, "n"))
        .file("short", "")
        .end()
    )
  },
  {
    name: "a long name that announces 8 GiB",
    careful: "refuse",
    bytes: after((t) => t.header({ name: "././@LongLink", type: "L", size: 2 ** 33 }).raw(Buffer.alloc(4096, "n")))
  },
  { name: "an empty name", careful: "either", bytes: after((t) => t.file("", "").end()) }
]

const records = (): ReadonlyArray<Malformed> =>
  (
    [
      ["a record without a newline", "12 path=evil"],
      ["a record longer than the header", "999 path=evil\n"],
      ["a record that ends within its value", "9 path=evil\n"],
      ["a record of length zero", "0 path=evil\n"],
      ["a record of negative length", "-13 path=evil\n"],
      ["a record whose length is not a number", "1e path=evil\n"],
      ["a record whose length has 40 digits", `${"9".repeat(40)} path=evil\n`],
      ["a record without an equals sign", "11 patevil\n"],
      ["a record without a key", "8 =evil\n"]
    ] as const
  ).map(([name, text]) => ({
    name,
    careful: "refuse",
    bytes: after((t) => t.extension("x", "x", Buffer.from(text)).file("fallback", "").end())
  }))

const headers = (): ReadonlyArray<Malformed> => [
  {
    name: "PAX records of 8 MiB",
    careful: "refuse",
    bytes: after((t) =>
      t
        .extension("x", "x", paxRecord("comment", Buffer.alloc(2 ** 23, "c")))
        .file("small", "")
        .end()
    )
  },
  {
    name: "a global PAX header of 8 MiB",
    careful: "either",
    bytes: after((t) =>
      t
        .globalPax([["comment", Buffer.alloc(2 ** 23, "c")]])
        .file("small", "")
        .end()
    )
  },
  {
    name: "PAX records that announce 8 GiB",
    careful: "refuse",
    bytes: after((t) => t.header({ name: "x", type: "x", size: 2 ** 33 }).raw(Buffer.alloc(4096, "c")))
  },
  {
    name: "a PAX header with nothing after it",
    careful: "either",
    bytes: after((t) => t.extension("x", "x", paxRecord("path", "evil")).end())
  },
  {
    name: "two PAX headers for one entry",
    careful: "either",
    bytes: after((t) =>
      t
        .extension("x", "x", paxRecord("path", "first"))
        .extension("x", "x", paxRecord("path", "second"))
        .file("third", "")
        .end()
    )
  }
]

const sparse = (): ReadonlyArray<Malformed> => {
  const map = (pairs: string, realSize = "4096") =>
    after((t) =>
      t
        .extension(
          "x",
          "x",
          paxRecords([
            ["GNU.sparse.size", realSize],
            ["GNU.sparse.numblocks", String(Math.ceil(pairs.split(",").length / 2))],
            ["GNU.sparse.map", pairs]
          ])
        )
        .file("sparse", Buffer.alloc(1024, "s"))
        .end()
    )
  const v1 = (text: string) =>
    after((t) =>
      t
        .extension(
          "x",
          "x",
          paxRecords([
            ["GNU.sparse.major", "1"],
            ["GNU.sparse.minor", "0"],
            ["GNU.sparse.name", "sparse"],
            ["GNU.sparse.realsize", "4096"]
          ])
        )
        .file("GNUSparseFile.0/sparse", Buffer.concat([Buffer.from(text), Buffer.alloc(1024 - text.length)]))
        .end()
    )
  return [
    { name: "a sparse map whose regions overlap", careful: "refuse", bytes: map("0,512,256,512") },
    { name: "a sparse map out of order", careful: "refuse", bytes: map("1024,512,0,512") },
    { name: "a sparse map past the file's end", careful: "refuse", bytes: map("0,512,8192,512") },
    { name: "a sparse map with a negative offset", careful: "refuse", bytes: map("-512,512,1024,512") },
    { name: "a sparse map with more data than the body", careful: "refuse", bytes: map("0,512,512,3584") },
    { name: "a sparse map that is not a list of numbers", careful: "refuse", bytes: map("0,512,zero,512") },
    { name: "a sparse map of an odd length", careful: "refuse", bytes: map("0,512,1024") },
    { name: "a sparse file of 2^62 bytes", careful: "refuse", bytes: map("0,512,1024,512", String(2n ** 62n)) },
    { name: "a PAX 1.0 map that counts too many", careful: "refuse", bytes: v1("9000000000\n0\n512\n") },
    { name: "a PAX 1.0 map without newlines", careful: "refuse", bytes: v1("1 0 512") },
    { name: "a PAX 1.0 map that is empty", careful: "refuse", bytes: v1("") }
  ]
}

/** Every one of them. Some hold 8 MiB of nonsense, so they are made when asked for, not when imported. */
export const malformedArchives = (): ReadonlyArray<Malformed> => [
  ...sizes(),
  ...blocks(),
  ...bodiless(),
  ...names(),
  ...records(),
  ...headers(),
  ...sparse()
]
