import { Readable } from "node:stream"
import fc from "fast-check"
import { extract, type Header } from "tar-stream"
import { describe, expect, test } from "vitest"
import {
  base256,
  collect,
  contentOfSegments,
  digestOf,
  headerBlock,
  malformedArchives,
  paxRecord,
  type Region,
  type Tar,
  tar
} from "../../../src/testing/index.ts"

interface Read {
  readonly header: Header & { readonly pax?: Readonly<Record<string, string>> | null }
  readonly body: Buffer
}

/** What another reader makes of an archive. */
const read = async (archive: Tar | Uint8Array): Promise<ReadonlyArray<Read>> => {
  const bytes = archive instanceof Uint8Array ? archive : archive.ended().bytes()
  const entries: Array<Read> = []
  // An option its types do not know; v7 has no magic.
  const options = { highWaterMark: 65_536, allowUnknownFormat: true }
  const parser = extract(options)
  parser.on("entry", (header, stream, next) => {
    const pieces: Array<Buffer> = []
    stream.on("data", (piece) => pieces.push(piece as Buffer))
    stream.on("end", () => {
      entries.push({ header: header as Read["header"], body: Buffer.concat(pieces) })
      next()
    })
  })
  await new Promise<void>((resolve, reject) => {
    parser.on("finish", () => resolve())
    parser.on("error", reject)
    Readable.from([bytes]).pipe(parser)
  })
  return entries
}

const long = `${"directory/".repeat(12)}${"n".repeat(120)}`

describe.each(["v7", "ustar", "pax", "gnu", "star"] as const)("%s", (format) => {
  test("each kind of entry is read as it was written", async () => {
    const entries = await read(
      tar(format)
        .directory("dir", { mode: 0o1777, uid: 1, gid: 2, mtime: 1_700_000_000 })
        .file("dir/file", "body", { mode: 0o4755, uname: "user", gname: "group" })
        .symlink("dir/symlink", "file")
        .hardLink("dir/hard", "dir/file")
        .fifo("dir/fifo")
        .characterDevice("dir/null", 1, 3)
        .blockDevice("dir/loop", 7, 0)
        .file("dir/last", Buffer.alloc(513, "x"))
    )
    expect(entries.map(({ header: { name, type } }) => [name, type])).toEqual([
      ["dir/", "directory"],
      ["dir/file", "file"],
      ["dir/symlink", "symlink"],
      ["dir/hard", "link"],
      ["dir/fifo", "fifo"],
      ["dir/null", "character-device"],
      ["dir/loop", "block-device"],
      ["dir/last", "file"]
    ])
    expect(entries[0]?.header).toMatchObject({ mode: 0o1777, uid: 1, gid: 2, mtime: new Date(1_700_000_000_000) })
    expect(entries[1]?.body.toString()).toBe("body")
    expect(entries[2]?.header.linkname).toBe("file")
    expect(entries[3]?.header.linkname).toBe("dir/file")
    expect(entries[7]?.body.length).toBe(513)
    if (format !== "v7") {
      expect(entries[1]?.header).toMatchObject({ uname: "user", gname: "group" })
      expect(entries[5]?.header).toMatchObject({ devmajor: 1, devminor: 3 })
    }
  })
  test("an archive is whole blocks, and ends in two of zeros", () => {
    const bytes = tar(format).file("a", "1").end().bytes()
    expect(bytes.length).toBe(4 * 512)
    expect(bytes.subarray(1024).every((byte) => byte === 0)).toBe(true)
  })
})

describe("what does not fit a header", () => {
  test.each(["pax", "gnu"] as const)("%s has names and links of any length", async (format) => {
    const [file, link] = await read(tar(format).file(long, "x").symlink(`${long}-link`, long))
    expect([file?.header.name, link?.header.name, link?.header.linkname]).toEqual([long, `${long}-link`, long])
  })
  test.each(["ustar", "star"] as const)(
    "%s splits a name at a slash, and refuses what it cannot split",
    async (format) => {
      const path = `${"p".repeat(120)}/${"n".repeat(90)}`
      const [file] = await read(tar(format).file(path, "x"))
      expect(file?.header.name).toBe(path)
      expect(() => tar(format).file("n".repeat(101))).toThrow(RangeError)
    }
  )
  test("v7 refuses a name of 101 bytes", () => {
    expect(() => tar("v7").file("n".repeat(101))).toThrow(RangeError)
  })
  test("bytes that are no UTF-8 are kept as they are, in a header and in a record", () => {
    const name = Uint8Array.of(0xff, 0xfe, 0x41)
    expect([...tar("gnu").file(name).bytes().subarray(0, 4)]).toEqual([0xff, 0xfe, 0x41, 0])
    const record = Buffer.concat([Buffer.from("12 path="), name, Buffer.from("\n")])
    expect(tar("pax").file(name).bytes().indexOf(record)).toBe(512)
  })
  test("PAX carries nanoseconds, attributes as bytes, and great owners", async () => {
    const capability = Uint8Array.of(1, 0, 0, 2, 0xff)
    const archive = tar("pax").file("f", "", {
      mtime: 1_700_000_000_123_456_789n,
      uid: 3_000_000,
      xattrs: { "security.capability": capability }
    })
    const [entry] = await read(archive)
    expect(entry?.header.pax).toMatchObject({ mtime: "1700000000.123456789", uid: "3000000" })
    const value = Buffer.concat([Buffer.from("SCHILY.xattr.security.capability="), capability, Buffer.from("\n")])
    expect(archive.bytes().includes(value)).toBe(true)
    const libarchive = tar("pax").file("f", "", { xattrs: { "user.a b": "v" }, xattrForm: "LIBARCHIVE" })
    expect((await read(libarchive))[0]?.header.pax).toMatchObject({ "LIBARCHIVE.xattr.user.a%20b": "dg" })
  })
  test("a global header is of type g and comes before what it is about", async () => {
    const archive = tar("pax")
      .globalPax([["comment", "all"]])
      .file("a")
      .file("b")
    expect(String.fromCharCode(archive.bytes()[156] ?? 0)).toBe("g")
    expect(archive.bytes().toString("latin1", 512, 527)).toBe("15 comment=all\n")
    expect((await read(archive)).map(({ header }) => header.name)).toEqual(["a", "b"])
  })
  test("a record's length counts itself", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ maxLength: 2000 }), (key, value) => {
        const record = paxRecord(key, value)
        expect(Number.parseInt(Buffer.from(record).toString(), 10)).toBe(record.length)
      })
    )
  })
  test("base-256 is two's complement behind a set bit", () => {
    expect([...base256(-1n, 4)]).toEqual([0xff, 0xff, 0xff, 0xff])
    expect([...base256(258n, 4)]).toEqual([0x80, 0, 1, 2])
    const size = headerBlock("gnu", { size: 2 ** 33 }).subarray(124, 136)
    expect([...size]).toEqual([0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
  })
})

describe("sparse files", () => {
  const regions: ReadonlyArray<Region> = Array.from({ length: 30 }, (_, i) => [
    i * 8192,
    Buffer.alloc(512, 97 + (i % 26))
  ])
  test("GNU's map continues in blocks after the header", () => {
    const bytes = tar("gnu").sparse("s", 300_000, regions, "gnu").bytes()
    expect(bytes.length).toBe(512 + 2 * 512 + 30 * 512)
    expect([String.fromCharCode(bytes[156] ?? 0), bytes[482], bytes[512 + 504], bytes[1024 + 504]]).toEqual([
      "S",
      1,
      1,
      0
    ])
  })
  test.each([
    ["pax-0.0", "GNU.sparse.numbytes", 0],
    ["pax-0.1", "GNU.sparse.map", 0],
    ["pax-1.0", "GNU.sparse.major", 512]
  ] as const)("%s keeps its map where it belongs", async (form, key, before) => {
    const [entry] = await read(tar("pax").sparse("s", 300_000, regions.slice(0, 3), form))
    expect(Object.keys(entry?.header.pax ?? {})).toContain(key)
    expect(entry?.body.length).toBe(before + 3 * 512)
    if (before > 0) expect(entry?.body.toString("latin1", 0, 12)).toBe("4\n0\n512\n8192")
  })
})

describe("bodies that are not bytes", () => {
  test("an archive of 100 GB is read in parts and never made", async () => {
    const zeros = contentOfSegments([[new Uint8Array(2 ** 20), 100_000]])
    const archive = tar("gnu").file("zeros", zeros).file("last", "x").end().content()
    expect(archive.size).toBe(512 + zeros.size + 512 + 512 + 1024)
    const pieces: Array<Uint8Array> = []
    for await (const piece of archive.read(512 + zeros.size, archive.size)) pieces.push(piece)
    expect(Buffer.concat(pieces).toString("latin1", 0, 4)).toBe("last")
  })
  test("any part of a content is that part of the whole", async () => {
    const content = tar()
      .file("a", contentOfSegments([[Buffer.from("abc"), 1000]]))
      .file("b", "tail")
      .end()
      .content()
    const whole = await collect(content)
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        const pieces: Array<Uint8Array> = []
        for await (const piece of content.read(start, end)) pieces.push(piece)
        expect(Buffer.concat(pieces).equals(whole.subarray(start, end))).toBe(true)
      })
    )
  })
})

describe("malformed archives", () => {
  test("each has a name of its own, and is another archive than the rest", () => {
    const all = malformedArchives()
    expect(all.length).toBeGreaterThan(45)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    expect(new Set(all.map(({ bytes }) => digestOf(bytes))).size).toBe(all.length)
  })
  test("each begins with an honest file, where it is an archive at all", async () => {
    for (const { name, bytes } of malformedArchives()) {
      if (name === "no archive at all") continue
      const [first] = await read(Buffer.concat([bytes.subarray(0, 1024), new Uint8Array(1024)]))
      expect(first?.body.toString(), name).toBe("good")
    }
  })
})
