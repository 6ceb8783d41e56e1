import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { base256, malformedArchives, paxRecord, tar } from "../../../src/testing/index.ts"
import { runs } from "../../support/runs.ts"
import { type ReadEntry, readArchive } from "../readArchive.ts"

const corrupt = (problem: RegExp) => ({ _tag: "CorruptLayer", stage: "untar", problem: expect.stringMatching(problem) })
const paths = (entries: ReadonlyArray<ReadEntry>) => entries.map(({ header }) => header.path)
const only = async (bytes: Uint8Array): Promise<ReadEntry> => {
  const { entries } = await readArchive(bytes)
  expect(entries).toHaveLength(1)
  return entries[0] as ReadEntry
}

/** What Go's reader and GNU tar make of each archive; where they disagree, the reason is said. */
const archives: Readonly<Record<string, ReadonlyArray<string> | RegExp>> = {
  empty: [],
  "file-and-dir": ["file small.txt 5", "directory dir/ 0"],
  // A GNU directory listing is a directory; the listing is passed over. A file that is all hole stores nothing.
  "gnu-incremental": ["directory test2/ 0", "file test2/foo 64", "file test2/sparse 536870912"],
  "gnu-long-nul": ["file 0123456789 0"],
  // The last long name before an entry counts.
  "gnu-multi-hdrs": ["symlink GNU2/GNU2/long-path-name 0 -> GNU4/GNU4/long-linkpath-name"],
  "gnu-nil-sparse-data": ["file sparse.db 1000"],
  "gnu-nil-sparse-hole": ["file sparse.db 1000"],
  "gnu-not-utf8": ["file hi\u0080\u0081\u0082\u0083bye 0"],
  "gnu-sparse-big": ["file gnu-sparse 60000000000"],
  "gnu-utf8": [`file ${Buffer.from("☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹☺☻☹").toString("latin1")} 0`],
  gnu: ["file small.txt 5", "file small2.txt 11"],
  hardlink: ["file file.txt 15", "link hard.txt 0 -> file.txt"],
  // Each type twice, the second time with a size that is to be ignored; GNU tar loses its place here.
  "hdr-only": [
    "directory dir/ 0",
    "fifo fifo 0",
    "file file 46",
    "link hardlink 0 -> file",
    "character-device null 0",
    "block-device sda 0",
    "symlink symlink 0 -> file",
    "symlink badlink 0 -> missing",
    "directory dir/ 0",
    "fifo fifo 0",
    "file file 46",
    "link hardlink 0 -> file",
    "character-device null 0",
    "block-device sda 0",
    "symlink symlink 0 -> file",
    "symlink badlink 0 -> missing"
  ],
  // Go before 1.8 wrote a prefix in GNU's dialect.
  "invalid-go17": [`file ${"a".repeat(97)}/foo 0`],
  issue10968: /another dialect/,
  issue11169: /ends within/,
  issue12435: /size is not a number/,
  "neg-size": /size is not a number/,
  "nil-uid": ["file P1050238.JPG.log 14"],
  "pax-bad-hdr-file": /PAX record/,
  "pax-bad-mtime-file": /mtime/,
  // Global records are ignored, as container tools do: file1 and file2 keep their own names.
  "pax-global-records": ["file file1 0", "file file2 0", "file file3 0", "file file4 0"],
  // The last PAX header before an entry counts as a whole.
  "pax-multi-hdrs": ["symlink bar 0 -> PAX4/PAX4/long-linkpath-name"],
  "pax-nil-sparse-data": ["file sparse.db 1000"],
  "pax-nil-sparse-hole": ["file sparse.db 1000"],
  "pax-nul-path": /NUL/,
  "pax-nul-xattrs": /NUL/,
  "pax-path-hdr": /ends within/,
  "pax-pos-size-file": ["file foo 999"],
  "pax-records": ["file file 0"],
  "pax-sparse-big": ["file pax-sparse 60000000000"],
  pax: [/^file a\/123456789101112.* 7$/.source, "symlink a/b 0 -> .*"],
  "sparse-formats": [
    "file sparse-gnu 200",
    "file sparse-posix-0.0 200",
    "file sparse-posix-0.1 200",
    "file sparse-posix-1.0 200",
    "file end 4"
  ],
  star: ["file small.txt 5", "file small2.txt 11"],
  "trailing-slash": [`directory ${"123456789/".repeat(30)} 0`],
  "ustar-file-devs": ["file file 0"],
  "ustar-file-reg": ["file foo 684"],
  ustar: [`file ${"longname/".repeat(15)}file.txt 6`],
  v7: ["file small.txt 5", "file small2.txt 11"],
  // These two are a header alone; its file of 16 GiB is not there.
  "writer-big-long": /ends within/,
  "writer-big": /ends within/,
  writer: ["file small.txt 5", "file small2.txt 11", "symlink link.txt 0 -> small.txt"],
  xattrs: ["file small.txt 5", "file small2.txt 11"]
}

const line = ({ header }: ReadEntry): string =>
  `${header.type} ${header.path} ${header.size}${header.linkPath === "" ? "" : ` -> ${header.linkPath}`}`

describe("archives that others wrote", () => {
  for (const [name, expected] of Object.entries(archives))
    test(name, async () => {
      const bytes = readFileSync(new URL(`../archives/${name}.tar`, import.meta.url))
      for (const sizes of [[65536], [512], [37]])
        if (expected instanceof RegExp)
          await expect(readArchive(bytes, { sizes })).rejects.toMatchObject(corrupt(expected))
        else {
          const { entries } = await readArchive(bytes, { sizes })
          const lines = entries.map(line)
          if (name === "pax")
            for (const [i, text] of lines.entries()) expect(text).toMatch(new RegExp(expected[i] ?? "$."))
          else expect(lines).toEqual(expected)
          for (const { header, body } of entries) if (header.size < 2 ** 24) expect(body.length).toBe(header.size)
        }
    })

  test("the four sparse formats hold the same file", async () => {
    const { entries } = await readArchive(readFileSync(new URL("../archives/sparse-formats.tar", import.meta.url)))
    const [first, ...others] = entries.slice(0, 4).map(({ body }) => body.toString("latin1"))
    expect(first).toContain("\0G\0o\0G\0o")
    for (const other of others) expect(other).toBe(first)
  })

  test("xattrs and fractions of a second", async () => {
    const { entries } = await readArchive(readFileSync(new URL("../archives/xattrs.tar", import.meta.url)))
    const { xattrs, mtime } = (entries[0] as ReadEntry).header
    expect(mtime).toEqual({ seconds: 1386065770, nanos: 448252320 })
    expect([...xattrs].map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
      ["user.key", "value"],
      ["user.key2", "value2"],
      ["security.selinux", "unconfined_u:object_r:default_t:s0\0"]
    ])
  })
})

describe("archives that no honest tool writes", () => {
  for (const { name, careful, bytes } of malformedArchives())
    test(name, async () => {
      const seen: Array<ReadEntry> = []
      const outcome = await readArchive(bytes, { sizes: [700] }, seen).then(
        () => "ignore",
        ({ _tag }) => (["CorruptLayer", "LimitExceeded"].includes(_tag) ? "refuse" : _tag)
      )
      expect(paths(seen)).not.toContain("evil")
      expect(["refuse", "ignore"]).toContain(outcome)
      if (careful !== "either") expect(outcome).toBe(careful)
    })
})

describe("what tar-stream alone gets wrong", () => {
  test("a directory with a size has no body", async () => {
    const bytes = tar("ustar").header({ name: "d/", type: "5", size: 1024 }).file("f", "body").end().bytes()
    expect(paths((await readArchive(bytes)).entries)).toEqual(["d/", "f"])
  })

  test("a binary value of an xattr stays as it is", async () => {
    const value = Buffer.from([1, 0, 0, 2, 0x80, 0xff, 0xfe, 0x0a, 0x3d])
    const { header } = await only(
      tar().extension("x", "x", paxRecord("SCHILY.xattr.security.capability", value)).file("f", "").end().bytes()
    )
    expect(Buffer.from(header.xattrs.get("security.capability") ?? [])).toEqual(value)
  })

  test("entries behind the end marker are not seen, and the archive is drained", async () => {
    const bytes = tar("gnu").file("a", "a").end().file("evil", "").raw(Buffer.alloc(100_000, 1)).bytes()
    expect(paths((await readArchive(bytes, { sizes: [600] })).entries)).toEqual(["a"])
  })

  test("an entry behind half an end marker is refused, since readers differ", async () => {
    await expect(readArchive(tar("gnu").file("a", "").end(1).file("b", "").end().bytes())).rejects.toMatchObject(
      corrupt(/half an end marker/)
    )
  })

  test("names that are not UTF-8 stay apart", async () => {
    const bytes = tar("gnu")
      .file(Buffer.from([0x61, 0xff]), "")
      .file(Buffer.from([0x61, 0xfe]), "")
      .end()
      .bytes()
    expect(paths((await readArchive(bytes)).entries)).toEqual(["a\u00ff", "a\u00fe"])
  })

  test("a PAX path that is not UTF-8 stays as it is", async () => {
    const { header } = await only(
      tar()
        .extension("x", "x", paxRecord("path", Buffer.from([0xe9, 0x2f, 0xff])))
        .file("f", "")
        .end()
        .bytes()
    )
    expect(header.path).toBe("\u00e9/\u00ff")
  })

  test("PAX times count, before 1970 as well", async () => {
    for (const [text, mtime] of [
      ["-1.25", { seconds: -2, nanos: 750_000_000 }],
      ["-3", { seconds: -3, nanos: 0 }],
      ["12.3456789019", { seconds: 12, nanos: 345_678_901 }]
    ] as const) {
      const { header } = await only(tar().extension("x", "x", paxRecord("mtime", text)).file("f", "").end().bytes())
      expect(header.mtime).toEqual(mtime)
    }
  })

  test("a time before 1970 in base-256 is exact", async () => {
    const { header } = await only(
      tar("gnu")
        .header({ name: "f", mtime: base256(-1n, 12) })
        .end()
        .bytes()
    )
    expect(header.mtime.seconds).toBe(-1)
  })

  test.each([
    ["2⁵³ + 2", 2n ** 53n + 2n, 253_402_300_799],
    ["−2⁵³ − 2", -(2n ** 53n) - 2n, -62_135_596_800],
    ["2⁶³ − 1", 2n ** 63n - 1n, 253_402_300_799],
    ["−2⁶³", -(2n ** 63n), -62_135_596_800],
    ["the first second of the year 10000", 253_402_300_800n, 253_402_300_799],
    ["the last one of 9999", 253_402_300_799n, 253_402_300_799],
    ["the last one before the year 1", -62_135_596_801n, -62_135_596_800]
  ])("a time that no system knows is the nearest that all know: %s", async (_, time, seconds) => {
    const binary = tar("gnu").header({ name: "f", mtime: base256(time, 12) })
    const pax = tar()
      .extension("x", "x", paxRecord("mtime", String(time)))
      .file("f", "")
    for (const archive of [binary, pax])
      expect((await only(archive.end().bytes())).header.mtime).toEqual({ seconds, nanos: 0 })
  })

  test.each([
    [`1${"0".repeat(20)}`, { seconds: 253_402_300_799, nanos: 0 }],
    [`-1${"0".repeat(20)}`, { seconds: -62_135_596_800, nanos: 0 }],
    [`${"0".repeat(30)}5.25`, { seconds: 5, nanos: 250_000_000 }],
    [`5.${"1".repeat(400)}`, { seconds: 5, nanos: 111_111_111 }]
  ])("the digits of a PAX time have no number: %s", async (text, mtime) => {
    const { header } = await only(tar().extension("x", "x", paxRecord("mtime", text)).file("f", "").end().bytes())
    expect(header.mtime).toEqual(mtime)
  })

  test.each([".5", "1e5", "+5", "5,5", "-"])(
    "a PAX time that is not a number is one that no reader takes: %s",
    async (text) => {
      const bytes = tar().extension("x", "x", paxRecord("mtime", text)).file("f", "").end().bytes()
      await expect(readArchive(bytes)).rejects.toMatchObject(corrupt(/mtime that is not a time/))
    }
  )

  test.each([
    [-2n, 2 ** 32 - 2],
    [-3n, 2 ** 32 - 3],
    [2n ** 32n, 0],
    [2n ** 33n + 5n, 5],
    [2n ** 55n + 7n, 7],
    [2n ** 32n - 2n, 2 ** 32 - 2],
    [-1n, 2 ** 32 - 1]
  ])("of an owner of %d the lower 32 bits count, as Go programs hand it to chown(2)", async (owner, expected) => {
    const binary = tar("gnu").header({ name: "f", uid: base256(owner, 8), gid: base256(owner, 8) })
    const records = Buffer.concat([paxRecord("uid", String(owner)), paxRecord("gid", String(owner))])
    for (const archive of [binary, tar().extension("x", "x", records).file("f", "")])
      expect((await only(archive.end().bytes())).header).toMatchObject({ uid: expected, gid: expected })
  })

  test.each(["9223372036854775808", "-9223372036854775809", "1".repeat(33), "1.5", "0x1", "root"])(
    "an owner of %s is none",
    async (owner) => {
      const bytes = tar().extension("x", "x", paxRecord("uid", owner)).file("f", "").end().bytes()
      await expect(readArchive(bytes)).rejects.toMatchObject(corrupt(/uid that is not a number/))
    }
  )

  test("global PAX records concern nobody", async () => {
    const bytes = tar()
      .globalPax([
        ["path", "evil"],
        ["size", "512"]
      ])
      .file("f", "body")
      .end()
      .bytes()
    const { header, body } = await only(bytes)
    expect([header.path, body.toString()]).toEqual(["f", "body"])
  })

  test("a PAX size wins over the header's, so that what the body hides stays hidden", async () => {
    const hidden = tar("gnu").file("evil", "evil").bytes()
    const bytes = tar()
      .extension("x", "x", paxRecord("size", String(hidden.length)))
      .header({ name: "f", size: 0 })
      .raw(hidden)
      .file("g", "g")
      .end()
      .bytes()
    expect(paths((await readArchive(bytes)).entries)).toEqual(["f", "g"])
  })

  test("an unknown type is a regular file, with a warning", async () => {
    const bytes = tar("ustar")
      .header({ name: "f", type: "Q", size: 4 })
      .raw("body")
      .raw(Buffer.alloc(508))
      .end()
      .bytes()
    const { entries, warnings } = await readArchive(bytes)
    expect(entries.map(({ header, body }) => [header.type, body.toString()])).toEqual([["file", "body"]])
    expect(warnings.map(({ code }) => code)).toEqual(["UnknownEntryType"])
  })

  test("a continued volume is refused by its type", async () => {
    await expect(readArchive(tar("gnu").header({ name: "f", type: "M", size: 0 }).end().bytes())).rejects.toMatchObject(
      corrupt(/type M/)
    )
  })

  test("long names of both kinds that contradict each other are refused", async () => {
    const bytes = tar()
      .extension("L", "././@LongLink", Buffer.from("one\0"))
      .extension("x", "x", paxRecord("path", "two"))
      .file("f", "")
      .end()
      .bytes()
    await expect(readArchive(bytes)).rejects.toMatchObject(corrupt(/two names/))
  })

  test("a name cut off behind a slash does not turn a file into a directory", async () => {
    const path = `${"d".repeat(99)}/file`
    const bytes = tar()
      .extension("x", "x", paxRecord("path", path))
      .header({ name: `${"d".repeat(99)}/`, size: 4 })
      .raw("body")
      .raw(Buffer.alloc(508))
      .end()
      .bytes()
    const { header, body } = await only(bytes)
    expect([header.type, header.path, body.toString()]).toEqual(["file", path, "body"])
  })

  test("the last body arrives although the archive is over", async () => {
    for (const size of [1, 511, 512, 20_000, 200_000]) {
      const body = Buffer.alloc(size, 7)
      expect(body.equals((await only(tar("ustar").file("f", body).end().bytes())).body)).toBe(true)
    }
  })
})

describe("a layer in a compression that is not read", () => {
  const bytesOf = (base64: string) => Buffer.from(base64, "base64")
  const layers: ReadonlyArray<readonly [name: string, bytes: Uint8Array]> = [
    ["bzip2", bytesOf("QlpoOTFBWSZTWfxoYxAAAAD7AGAgAAgAIKAAIhmmQYC7kinChIfjQxiA")],
    ["xz", Buffer.concat([bytesOf("/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj"), Buffer.alloc(600, 7)])],
    ["lzip", Buffer.from("LZIP\x01\x0c and the rest")],
    ["lz4", Buffer.concat([Buffer.of(4, 0x22, 0x4d, 0x18), Buffer.alloc(1024, 1)])],
    ["compress", Buffer.concat([Buffer.of(0x1f, 0x9d, 0x90), Buffer.alloc(1024, 1)])]
  ]
  test.each(layers)("%s is called by its name", async (name, bytes) => {
    await expect(readArchive(bytes)).rejects.toMatchObject(corrupt(new RegExp(`compressed with ${name};`)))
  })

  test("an archive whose first name begins alike is none", async () => {
    for (const name of ["BZh", "LZIP"])
      expect((await only(tar("ustar").file(name, "x").end().bytes())).header.path).toBe(name)
  })

  test("behind a first entry it is a header that is wrong", async () => {
    const bytes = Buffer.concat([tar("ustar").file("good", "").bytes(), Buffer.alloc(512, "BZh9")])
    await expect(readArchive(bytes)).rejects.toMatchObject(corrupt(/checksum is wrong/))
  })
})

describe("limits", () => {
  const limited: ReadonlyArray<readonly [string, Uint8Array, Uint8Array, number]> = [
    ["entries", tar().file("a").file("b").end().bytes(), tar().file("a").file("b").file("c").end().bytes(), 2],
    ["fileBytes", tar().file("a", "12345").end().bytes(), tar().file("a", "123456").end().bytes(), 5],
    ["pathBytes", tar().file("12345").end().bytes(), tar().file("123456").end().bytes(), 5],
    ["linkBytes", tar().symlink("a", "12345").end().bytes(), tar().symlink("a", "123456").end().bytes(), 5],
    ["depth", tar().file("a/b/c").end().bytes(), tar().file("a/b/c/d").end().bytes(), 3],
    [
      "paxBytes",
      tar("ustar")
        .extension("x", "x", Buffer.from("30 comment=12345678901234567\n\n".slice(0, 29).replace("30", "29")))
        .file("a")
        .end()
        .bytes(),
      tar("ustar").extension("x", "x", Buffer.from("30 comment=123456789012345678\n")).file("a").end().bytes(),
      29
    ]
  ]
  for (const [limit, at, past, maximum] of limited)
    test(`${limit}: the limit itself passes, one more does not`, async () => {
      await readArchive(at, { limits: { [limit]: maximum } })
      await expect(readArchive(past, { limits: { [limit]: maximum } })).rejects.toMatchObject({
        _tag: "LimitExceeded",
        limit,
        maximum
      })
    })
})

describe("an archive cut anywhere", () => {
  const bodyOf = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat({ max: 3000 }).map((size) => new Uint8Array(size).fill(size))
  )
  const entryOf = fc.record({
    name: fc.stringMatching(/^[a-zé]{1,30}(\/[a-z]{1,90}){0,3}$/),
    body: bodyOf,
    kind: fc.constantFrom("file", "directory", "symlink", "sparse")
  })

  test("gives the same entries, in every format", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("ustar", "pax", "gnu"),
        fc.array(entryOf, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 5 }),
        async (format, wanted, sizes) => {
          const archive = tar(format as "pax")
          for (const { name, body, kind } of wanted) {
            const short = format === "ustar" ? name.replaceAll("é", "e").slice(0, 90).replace(/\/$/, "") : name
            if (kind === "file") archive.file(short, body)
            else if (kind === "directory") archive.directory(`${short}/`)
            else if (kind === "symlink" || format === "ustar") archive.symlink(short, "target")
            else
              archive.sparse(
                short,
                10_000,
                [
                  [1024, Buffer.alloc(512, 1)],
                  [4096, body]
                ],
                format === "gnu" ? "gnu" : "pax-1.0"
              )
          }
          const bytes = archive.end().bytes()
          const whole = await readArchive(bytes)
          const cut = await readArchive(bytes, { sizes })
          expect(cut).toEqual(whole)
          expect(whole.entries).toHaveLength(wanted.length)
          for (const [i, { body, kind }] of wanted.entries())
            if (kind === "file") expect(whole.entries[i]?.body.equals(body)).toBe(true)
        }
      ),
      { numRuns: runs(60) }
    )
  })

  test("is a CorruptLayer unless the cut is between two entries", async () => {
    const bytes = tar("pax").file("a", "body").symlink("x".repeat(120), "y").file("b", Buffer.alloc(700)).bytes()
    for (let length = 1; length < bytes.length; length += 61) {
      const result = await readArchive(bytes.subarray(0, length)).then(
        ({ entries }) => paths(entries),
        (error) => error._tag
      )
      if (result !== "CorruptLayer") expect(["a", "b", "x".repeat(120)]).toEqual(expect.arrayContaining(result))
    }
  })
})
