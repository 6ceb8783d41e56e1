/** Files that were damaged, or made to damage: whatever stands in them, the end is a reason or the image itself. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Readable } from "node:stream"
import { expect, test } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import { collect, image, Prng, tar } from "../../src/testing/index.ts"
import { archiveOf, layoutOf, savedOf, tagged } from "../support/files.ts"
import { open, temporaryRoot } from "../support/open.ts"

const made = await image({ layers: [{ files: { a: "a" } }, { files: { b: "b".repeat(2000) } }] })

const changes = [
  (bytes: Buffer, prng: Prng) => bytes.writeUInt8(prng.below(256), prng.below(bytes.length)),
  (bytes: Buffer, prng: Prng) => bytes.fill(prng.below(256), prng.below(bytes.length), prng.below(bytes.length)),
  // Headers lie at multiples of 512, and their checksums want to be right.
  (bytes: Buffer, prng: Prng) => {
    const at = 512 * prng.below(Math.floor(bytes.length / 512))
    bytes.write(prng.pick(["00000000000", "77777777777", "\x80\xff\xff\xff", "-1"]), at + 124, "latin1")
    bytes.writeUInt8(prng.below(256), at + 156)
    bytes.fill(0x20, at + 148, at + 156)
    const sum = bytes.subarray(at, at + 512).reduce((all, byte) => all + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1")
  }
]

test.for(["oci", "docker-archive"])("a damaged %s is the same image, or a reason", async (transport, { task }) => {
  await using home = await temporaryRoot()
  await using oci = await open()
  const files = transport === "oci" ? layoutOf([[tagged("1"), made]]) : await savedOf([[["app:1"], made]])
  const whole = await collect(archiveOf(files))
  const path = join(home.root, "damaged.tar")
  await writeFile(path, whole)
  const { digest } = await oci.resolve(`${transport}:${path}`)
  const prng = new Prng(task.name)
  const seen = new Set<string>()
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(whole)
    for (let n = prng.below(3); n >= 0; n--) prng.pick([changes[0], ...changes.slice(1)])?.(bytes, prng)
    await writeFile(path, prng.chance(0.1) ? bytes.subarray(0, prng.below(bytes.length)) : bytes)
    const end = await oci.resolve(`${transport}:${path}`).catch((error) => error)
    if (end instanceof PullError) seen.add(end.reason._tag)
    // A docker archive's own config is all that says what the image is; a layout's manifest is called by its digest.
    else if (transport === "oci") expect(end.digest).toBe(digest)
    else expect(end.platforms).toHaveLength(1)
  }
  expect(seen.size).toBeGreaterThan(1)
})

test("an archive whose one name is said to be very long, and one with very many, end at a limit", async () => {
  await using oci = await open({ limits: { entries: 500 } })
  const long = tar("gnu")
    .extension("L", "././@LongLink", Buffer.alloc(3 * 2 ** 20, "a"))
    .file("x", "")
    .ended()
  const many = tar("gnu")
  for (let n = 0; n < 1000; n++) many.file(`f${n}`, "")
  for (const archive of [long, many.ended()]) {
    const input = Readable.from([archive.bytes()])
    const error = await oci.resolve("-", { input }).catch((error) => error)
    expect(["LimitExceeded", "InvalidSource"]).toContain(error.reason._tag)
  }
})

test("an archive's names are remembered up to eight million characters, whatever has them", async () => {
  await using oci = await open()
  const name = (at: number) => `${at}/${"n".repeat(3990)}`
  const bytes = (count: number, add: (archive: ReturnType<typeof tar>, at: number) => unknown) => {
    const archive = tar("gnu")
    for (let at = 0; at < count; at++) add(archive, at)
    return archive.ended().bytes()
  }
  const problemOf = (archive: Uint8Array) =>
    oci.resolve("-", { input: Readable.from([archive]) }).then(
      () => "",
      (error) => `${error.reason.message}`
    )
  const file = (archive: ReturnType<typeof tar>, at: number) => archive.file(name(at), "")
  expect(await problemOf(bytes(2000, file))).not.toContain("characters")
  expect(await problemOf(bytes(2200, file))).toContain("names of more than 8388608 characters altogether")
  for (const add of [
    (archive: ReturnType<typeof tar>, at: number) => archive.symlink(`${at}`, name(at)),
    (archive: ReturnType<typeof tar>, at: number) => archive.hardLink(`${at}`, name(at))
  ])
    expect(await problemOf(bytes(2200, add))).toContain("names of more than 8388608 characters altogether")
})
