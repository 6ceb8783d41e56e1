/** Other readers read what the tar builder writes. Wants GNU tar, Python 3 and zstd. */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, readlink, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { collect, makeLayer, type Region, type SparseForm, type Tar, tar } from "../../../src/testing/index.ts"

const run = promisify(execFile)

let home: string
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-archives-"))
})
afterAll(() => rm(home, { recursive: true }))

const write = async (archive: Tar): Promise<string> => {
  const path = join(await mkdtemp(join(home, "archive-")), "archive.tar")
  await writeFile(path, archive.ended().bytes())
  return path
}

const extract = async (archive: Tar): Promise<string> => {
  const path = await write(archive)
  const directory = await mkdtemp(join(home, "extracted-"))
  const { stderr } = await run("tar", ["-xf", path, "-C", directory, "--no-same-owner"])
  expect(stderr).toBe("")
  return directory
}

const script = `
import json, sys, tarfile
with tarfile.open(sys.argv[1], errors="surrogateescape") as t:
    print(json.dumps([{
        "name": m.name, "type": m.type.decode(), "size": m.size, "mode": m.mode, "uid": m.uid, "mtime": m.mtime,
        "link": m.linkname, "device": [m.devmajor, m.devminor], "pax": m.pax_headers, "uname": m.uname,
        "body": t.extractfile(m).read().decode("latin1") if m.isfile() else None
    } for m in t]))
`

interface Member {
  readonly name: string
  readonly type: string
  readonly size: number
  readonly mtime: number
  readonly body: string | null
  readonly link: string
  readonly device: readonly [number, number]
  readonly pax: Readonly<Record<string, string>>
}

const python = async (archive: Tar): Promise<ReadonlyArray<Member>> => {
  const { stdout } = await run("python3", ["-c", script, await write(archive)], { maxBuffer: 2 ** 28 })
  return JSON.parse(stdout)
}

const everything = (format: "v7" | "ustar" | "pax" | "gnu" | "star") =>
  tar(format)
    .directory("dir", { mode: 0o750, mtime: 1_600_000_000 })
    .file("dir/file", "body", { mode: 0o640, mtime: 1_700_000_000, uid: 12 })
    .symlink("dir/symlink", "file")
    .hardLink("dir/hard", "dir/file")
    .fifo("dir/fifo")

describe.each(["v7", "ustar", "pax", "gnu", "star"] as const)("%s", (format) => {
  test("GNU tar extracts it", async () => {
    const directory = await extract(everything(format))
    expect(await readFile(join(directory, "dir/hard"), "utf8")).toBe("body")
    expect(await readlink(join(directory, "dir/symlink"))).toBe("file")
    const file = await stat(join(directory, "dir/file"))
    expect([file.nlink, file.mode & 0o777, file.mtimeMs]).toEqual([2, 0o640, 1_700_000_000_000])
    expect((await stat(join(directory, "dir/fifo"))).isFIFO()).toBe(true)
  })
  test("Python reads it, devices and all", async () => {
    const members = await python(everything(format).characterDevice("null", 1, 3).blockDevice("loop", 7, 1))
    expect(members.map(({ name, type }) => `${type} ${name}`)).toEqual(
      ["5 dir", "0 dir/file", "2 dir/symlink", "1 dir/hard", "6 dir/fifo", "3 null", "4 loop"].map((line) =>
        format === "v7" ? line.replace("0 dir/file", "\0 dir/file") : line
      )
    )
    expect(members[1]).toMatchObject({ body: "body", mode: 0o640, uid: 12, mtime: 1_700_000_000 })
    if (format !== "v7") expect(members[5]?.device).toEqual([1, 3])
  })
})

describe("what does not fit a header", () => {
  const long = `${"directory/".repeat(12)}${"n".repeat(120)}`
  test.each(["pax", "gnu"] as const)("%s names and links of any length", async (format) => {
    const archive = () => tar(format).file(long, "x").symlink("link", long).hardLink("hard", long)
    const directory = await extract(archive())
    expect(await readFile(join(directory, long), "utf8")).toBe("x")
    expect(await readlink(join(directory, "link"))).toBe(long)
    expect((await python(archive())).map(({ name, link }) => [name, link])).toEqual([
      [long, ""],
      ["link", long],
      ["hard", long]
    ])
  })
  test.each(["ustar", "star"] as const)("%s names split at a slash", async (format) => {
    const path = `${"p".repeat(110)}/${"n".repeat(90)}`
    expect(await readFile(join(await extract(tar(format).file(path, "x")), path), "utf8")).toBe("x")
  })
  test.each(["pax", "gnu"] as const)("%s names that are no UTF-8", async (format) => {
    const name = Buffer.from([0x61, 0xff, 0xfe])
    const directory = Buffer.from(`${await extract(tar(format).file(name, "bytes"))}/`)
    expect(await readFile(Buffer.concat([directory, name]), "utf8")).toBe("bytes")
  })
  test("nanoseconds, attributes and great numbers in PAX; base-256 in GNU", async () => {
    const mtime = 1_700_000_000_123_456_789n
    const directory = await extract(tar("pax").file("f", "", { mtime }))
    expect((await stat(join(directory, "f"), { bigint: true })).mtimeNs).toBe(mtime)
    const options = { xattrs: { "user.a b": Uint8Array.of(1, 0, 2) }, uid: 3_000_000 }
    const [file] = await python(
      tar("pax")
        .globalPax([["comment", "all"]])
        .file("f", "", options)
    )
    expect(file).toMatchObject({
      uid: 3_000_000,
      pax: { "SCHILY.xattr.user.a b": "\u0001\u0000\u0002", comment: "all" }
    })
    const [gnu] = await python(tar("gnu").file("f", "", { uid: 3_000_000_000, mtime: -5 }))
    expect(gnu).toMatchObject({ uid: 3_000_000_000, mtime: -5 })
    const [before] = await python(tar("pax").file("f", "", { mtime: -1_500_000_000n }))
    expect(before?.mtime).toBe(-1.5)
  })
})

describe("sparse files", () => {
  const cases: ReadonlyArray<readonly [string, number, ReadonlyArray<Region>]> = [
    [
      "few regions",
      100_000,
      [
        [0, Buffer.alloc(512, "a")],
        [50_176, Buffer.alloc(1024, "b")]
      ]
    ],
    ["many regions", 1_000_000, Array.from({ length: 60 }, (_, i) => [i * 16_384, Buffer.alloc(512, 97 + (i % 26))])],
    ["a hole at the end", 10_000, [[512, Buffer.alloc(512, "c")]]],
    ["data to the end", 1324, [[1024, Buffer.alloc(300, "d")]]],
    ["nothing but a hole", 1_000_000, []]
  ]
  const forms: ReadonlyArray<SparseForm> = ["gnu", "pax-0.0", "pax-0.1", "pax-1.0"]
  const table = forms.flatMap((form) => cases.map(([name, size, regions]) => ({ form, name, size, regions })))
  test.each(table)("$form with $name", async ({ form, size, regions }) => {
    const expected = Buffer.alloc(size)
    for (const [offset, data] of regions) expected.set(Buffer.from(data), offset)
    const archive = () =>
      tar(form === "gnu" ? "gnu" : "pax")
        .sparse("dir/sparse", size, regions, form)
        .file("next", "next")
    const directory = await extract(archive())
    expect((await readFile(join(directory, "dir/sparse"))).equals(expected)).toBe(true)
    expect(await readFile(join(directory, "next"), "utf8")).toBe("next")
    const [sparse, next] = await python(archive())
    expect([sparse?.name, sparse?.size, next?.body]).toEqual(["dir/sparse", size, "next"])
    expect(Buffer.from(sparse?.body ?? "", "latin1").equals(expected)).toBe(true)
  })
})

test("zstd decompresses a raw frame", async () => {
  const { blob, layer } = await makeLayer({
    files: { zeros: new Uint8Array(500_000), text: "text".repeat(100_000) },
    compression: "zstd-raw"
  })
  const compressed = join(home, "layer.zst")
  await writeFile(compressed, await collect(blob))
  await run("zstd", ["-q", "-d", compressed, "-o", join(home, "layer.tar")])
  const { stdout } = await run("sha256sum", [join(home, "layer.tar")])
  expect(`sha256:${stdout.split(" ")[0]}`).toBe(layer.diffId)
})
