/** What is mutated: archives that others wrote, that no honest tool writes, and honest ones of every kind. */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { malformedArchives, tar } from "../../src/testing/index.ts"
import { unitsOf } from "./units.ts"

const corpora = new URL("../layer/archives/", import.meta.url)
const most = 128 * 1024

const tree = (format: "gnu" | "pax" | "ustar"): Buffer => {
  const archive = tar(format)
    .directory("a", { mode: 0o755 })
    .directory("a/b")
    .file("a/b/c", "hello")
    .symlink("l", "a")
    .file("l/new", "through")
    .hardLink("h", "a/b/c")
    .hardLink("early", "z")
    .file("z", Buffer.alloc(700, 7))
    .symlink("up", "../victim")
    .symlink("abs", "/a/b")
    .file("abs/d", "x".repeat(1500))
    .directory("d/e")
    .file("d/e/f", "")
    .file("d/.wh.g", "")
    .file("a/.wh..wh..opq", "")
    .characterDevice("null", 1, 3)
    .fifo("pipe")
  if (format !== "ustar") {
    archive.file(`${"long/".repeat(40)}name`, "long").symlink("far", "t/".repeat(80))
    archive.sparse("holes", 20_480, [[4096, "x".repeat(512)]], format === "gnu" ? "gnu" : "pax-1.0")
  }
  if (format === "pax")
    archive
      .sparse("holes0", 9000, [[0, "y".repeat(512)]], "pax-0.0")
      .sparse("holes1", 9000, [[512, "y".repeat(512)]], "pax-0.1")
      .file("xattrs", "x", { xattrs: { "user.a": "1", "security.capability": "2" }, mtime: 1.25 })
  return archive.end().bytes()
}

/** Long ways through links, with whiteouts and hard links at their end; names that are mostly slashes; links that wait. */
const winding = (): Buffer => {
  const deep = "d/".repeat(40)
  const archive = tar()
    .directory("x")
    .directory(deep)
    .symlink("r", `${"x/../".repeat(90)}.`)
    .symlink("s", `${"x/../".repeat(90)}r`)
  for (let i = 0; i < 6; i++)
    archive.file(`s/${deep}.wh.${i}`, "").hardLink(`${"/".repeat(20)}l${i}`, `s/${deep}${i + 1}`)
  archive.file(`s/${deep}.wh..wh..opq`, "").hardLink("w1", "w2").hardLink("w2", "w3").hardLink("r/w4", "w1")
  for (let i = 1; i < 7; i++) archive.file(`r/${deep}${i}`, String(i))
  return archive.symlink("x", "d").file("w3", "3").hardLink(`s/${deep}w`, "r/w1").end().bytes()
}

/** Holes beyond one turn of the event loop, at the beginning, between segments, and at the end. */
const holes = (): Buffer =>
  tar()
    .sparse("a", 3 * 2 ** 20, [[2 ** 21, "a".repeat(512)]], "pax-1.0")
    .sparse(
      "b",
      2 ** 22 + 7,
      [
        [0, "b".repeat(700)],
        [2 ** 20 - 5, "c".repeat(10)],
        [2 ** 22, "d"]
      ],
      "pax-0.1"
    )
    .file("c", "between")
    .sparse("d", 2 ** 20 + 1, [], "pax-1.0")
    .sparse("e", 2 ** 20, [[2 ** 20 - 1, "e"]], "gnu")
    .file("f", Buffer.alloc(70_000, 6))
    .end()
    .bytes()

/** Of a large real layer, some entries at a time. */
const windows = (archive: Buffer): ReadonlyArray<Buffer> => {
  const units = unitsOf(archive)
  const cut: Array<Buffer> = []
  for (let i = 0; i < units.length && cut.length < 200; i += 12) {
    const bytes = Buffer.concat(units.slice(i, i + 12).map((unit) => unit.bytes))
    if (bytes.length <= most) cut.push(Buffer.concat([bytes, Buffer.alloc(1024)]))
  }
  return cut
}

/** Every gzip blob beneath a directory, in windows. */
const layersIn = (directory: string): ReadonlyArray<Buffer> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile() && statSync(path).size < 100 * 2 ** 20)
    .map((path) => readFileSync(path))
    .filter((bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b)
    .flatMap((bytes) => windows(gunzipSync(bytes)))

/** `blobs`: a directory with layers of real images, such as an OCI layout. */
export const makeSeeds = (blobs?: string): ReadonlyArray<Buffer> => {
  const files = readdirSync(corpora, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".tar"))
  return [
    ...files.sort().map((name) => readFileSync(new URL(name, corpora))),
    ...malformedArchives().map(({ bytes }) => Buffer.from(bytes)),
    // Most mutations of these still come to something.
    ...Array.from({ length: 25 }, () => (["gnu", "pax", "ustar"] as const).map(tree)).flat(),
    ...Array.from({ length: 10 }, () => [winding(), holes()]).flat(),
    ...(blobs === undefined ? [] : layersIn(blobs))
  ].filter((bytes) => bytes.length <= most)
}
