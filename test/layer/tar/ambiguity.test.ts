/**
 * What GNU tar, Go, Python and libarchive read in different ways. Where one way moves every header that follows, or
 * changes a file's bytes, the layer is refused: the scanner of an image and its runtime may be two of these readers.
 */
import { describe, expect, test } from "vitest"
import { type PaxRecords, paxRecords, tar } from "../../../src/testing/index.ts"
import { type ReadEntry, readArchive } from "../readArchive.ts"

const withRecords = (records: PaxRecords, body: Uint8Array | string = "") =>
  tar("ustar").extension("x", "x", paxRecords(records)).file("f", body).end().bytes()

const zeros = (bytes: number) => new Uint8Array(bytes)

describe("refused", () => {
  const refused: Record<string, readonly [bytes: Uint8Array, problem: RegExp]> = {
    "a size behind a NUL, which is 14 to Go and 0 to GNU tar and Python": [
      tar("ustar").header({ name: "f", size: "\0\0\0\0\0\0\x000016\0" }).end().bytes(),
      /size is not a number/
    ],
    "a directory by its slash that has a body, which GNU tar skips and libarchive does not": [
      tar("v7").header({ name: "d/", type: "\0", size: 1 }).header({ name: "e/", type: "\0" }).end().bytes(),
      /directory with a body/
    ],
    "half an end marker and then something, where GNU tar stops and Go fails": [
      tar("ustar").file("f", "x").end(1).raw(Buffer.alloc(512, 1)).bytes(),
      /half an end marker/
    ],
    "a real size without a map, which Go ignores": [
      withRecords([["GNU.sparse.realsize", "513"]], "body"),
      /stores 4 bytes where its map says 0/
    ],
    "a name for a sparse file that is none, which Go ignores": [
      withRecords([["GNU.sparse.name", "other"]], "body"),
      /without its size/
    ],
    "two sizes of one sparse file": [
      withRecords([
        ["GNU.sparse.size", "1000"],
        ["GNU.sparse.realsize", "2000"],
        ["GNU.sparse.map", "0,0"]
      ]),
      /two sizes/
    ],
    "GNU's sparse type in star's dialect, whose map lies elsewhere, and in one that has none": [
      tar("star").header({ name: "f", type: "S" }).end().bytes(),
      /another dialect/
    ],
    "records before global ones, which Go drops and others keep for the entry": [
      tar("ustar")
        .extension("x", "x", paxRecords([["path", "other"]]))
        .extension("g", "g", paxRecords([["comment", "x"]]))
        .file("f", "x")
        .end()
        .bytes(),
      /records of an entry before/
    ],
    "a long name before a volume's label": [
      tar("gnu")
        .extension("L", "././@LongLink", Buffer.from("other\0"))
        .header({ name: "label", type: "V" })
        .file("f", "x")
        .end()
        .bytes(),
      /records of an entry before/
    ],
    "two maps of one sparse file": [
      withRecords([
        ["GNU.sparse.size", "1000"],
        ["GNU.sparse.offset", "0"],
        ["GNU.sparse.numbytes", "0"],
        ["GNU.sparse.map", "0,0"]
      ]),
      /two maps/
    ]
  }
  for (const [name, [bytes, problem]] of Object.entries(refused))
    test(name, async () => {
      await expect(readArchive(bytes)).rejects.toMatchObject({
        _tag: "CorruptLayer",
        problem: expect.stringMatching(problem)
      })
    })
})

const line = ({ header, body }: ReadEntry) =>
  `${header.type} ${header.path} ${header.size}${header.linkPath && ` -> ${header.linkPath}`}${body.length > 0 && body.length < 9 ? ` ${body}` : ""}`

/** Each as a tool writes it, or its own test suite demands it: libarchive's, Python's, node-tar's, star's. */
describe("taken as their writers mean them", () => {
  const taken: Record<string, readonly [bytes: Uint8Array, lines: ReadonlyArray<string>]> = {
    "a file that is all hole and has no map": [
      withRecords([
        ["GNU.sparse.size", "1000"],
        ["GNU.sparse.numblocks", "0"]
      ]),
      ["file f 1000"]
    ],
    "a volume label, with and without anything after it": [
      tar("gnu").header({ name: "label", type: "V" }).file("f", "x").end().bytes(),
      ["file f 1 x"]
    ],
    "a label alone": [tar("gnu").header({ name: "label", type: "V" }).end().bytes(), []],
    "an end marker alone": [zeros(1024), []],
    "blocks up to a tape record behind the end": [tar("ustar").file("f", "x").end(20).bytes(), ["file f 1 x"]],
    "checksums of signed bytes": [
      (() => {
        const bytes = tar("v7")
          .file(Buffer.from([0xe9]), "x")
          .end()
          .bytes()
        bytes.write(`${(parseInt(bytes.toString("latin1", 148, 154), 8) - 256).toString(8).padStart(6, "0")}`, 148)
        return bytes
      })(),
      ["file \u00e9 1 x"]
    ],
    "numbers padded with spaces, as Plexus and old tars write them": [
      tar("ustar")
        .header({ name: "f", mode: "   644 ", size: "          1 ", mtime: " 12345670123", uid: "     0 " })
        .raw("x")
        .raw(zeros(511))
        .end()
        .bytes(),
      ["file f 1 x"]
    ],
    "fields of NULs for no number": [
      tar("ustar")
        .header({ name: "f", uid: "\0\0\0\0\0\0\0\0", gid: "", devMajor: "", devMinor: "", mtime: "" })
        .end()
        .bytes(),
      ["file f 0"]
    ],
    "a long name announced twice, the last counts": [
      tar("gnu")
        .extension("L", "././@LongLink", Buffer.from("first\0"))
        .extension("L", "././@LongLink", Buffer.from("second\0"))
        .header({ name: "f" })
        .end()
        .bytes(),
      ["file second 0"]
    ],
    "an empty long name is none, as in Go": [
      tar("gnu").extension("L", "././@LongLink", zeros(0)).header({ name: "f" }).end().bytes(),
      ["file f 0"]
    ],
    "Solaris: extended headers of type X, and holes it tells by itself": [
      tar("ustar")
        .extension(
          "X",
          "x",
          paxRecords([
            ["path", "g"],
            ["SUN.holesdata", " 0 10"]
          ])
        )
        .file("f", "x")
        .end()
        .bytes(),
      ["file g 1 x"]
    ],
    "an archive of star's, with times and no prefix": [
      tar("star").file("dir/f", "x", { atime: 1, ctime: 2 }).end().bytes(),
      ["file dir/f 1 x"]
    ],
    "a name as long as its field, without a NUL": [
      tar("ustar").file("n".repeat(100), "x").end().bytes(),
      [`file ${"n".repeat(100)} 1 x`]
    ],
    "PAX records in their binary charset": [
      withRecords([
        ["hdrcharset", "BINARY"],
        ["path", Buffer.from([0xe9])]
      ]),
      ["file \u00e9 0"]
    ],
    "PAX values that are empty, and mean the header's": [
      withRecords([
        ["path", ""],
        ["size", ""],
        ["mtime", ""]
      ]),
      ["file f 0"]
    ],
    "a file's name that ends in a slash is a directory's, as in GNU tar and libarchive": [
      tar("ustar").header({ name: "d/", type: "0" }).header({ name: "e/", type: "7" }).end().bytes(),
      ["directory d/ 0", "directory e/ 0"]
    ],
    "a link that tells its target's size has no body": [
      tar("ustar").file("f", "x").header({ name: "l", type: "1", linkName: "f", size: 1 }).file("g", "y").end().bytes(),
      ["file f 1 x", "link l 0 -> f", "file g 1 y"]
    ],
    "records of a keyword twice, the last counts, and an empty last one takes it back": [
      withRecords([
        ["path", "first"],
        ["path", "second"],
        ["linkpath", "nowhere"],
        ["uid", "7"],
        ["uid", ""]
      ]),
      ["file second 0"]
    ],
    "star's and libarchive's own records": [
      withRecords([
        ["SCHILY.dev", "64769"],
        ["SCHILY.ino", "1"],
        ["SCHILY.nlink", "2"],
        ["SCHILY.fflags", "nodump"],
        ["LIBARCHIVE.creationtime", "1.5"],
        ["LIBARCHIVE.xattr.user.a", "YQ"]
      ]),
      ["file f 0"]
    ],
    "GNU's incremental listing, with its body": [
      tar("gnu")
        .header({ name: "d/", type: "D", size: 4 })
        .raw("Yf\0\0")
        .raw(zeros(508))
        .file("d/f", "x")
        .end()
        .bytes(),
      ["directory d/ 0", "file d/f 1 x"]
    ],
    "a contiguous file": [tar("ustar").header({ name: "f", type: "7", size: 0 }).end().bytes(), ["file f 0"]],
    "macOS' shadow files": [
      tar("ustar").file("._f", "meta").file("f", "x").end().bytes(),
      ["file ._f 4 meta", "file f 1 x"]
    ]
  }
  for (const [name, [bytes, lines]] of Object.entries(taken))
    test(name, async () => {
      for (const sizes of [[65536], [511]])
        expect((await readArchive(bytes, { sizes })).entries.map(line)).toEqual(lines)
    })
})
