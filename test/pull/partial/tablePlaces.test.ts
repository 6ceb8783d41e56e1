/** Where annotations and footers say that a table is. Both are bytes of a registry. */
import { describe, expect, test } from "vitest"
import { annotatedTables, footerBytes, placeByFooter } from "../../../src/pull/partial/tablePlaces.ts"

const digest = `sha256:${"0a".repeat(32)}`
const size = 1000

const tableOf = (annotations: Readonly<Record<string, string>>) => {
  const layers = [{ mediaType: "", digest: "sha256:layer", size, annotations }]
  const manifest = { value: { layers } } as unknown as Parameters<typeof annotatedTables>[0]["manifest"]
  return annotatedTables({ manifest } as Parameters<typeof annotatedTables>[0]).get("sha256:layer")
}

const chunked = (position: string, checksum = digest, prefix = "io.github.containers.zstd-chunked") => ({
  [`${prefix}.manifest-checksum`]: checksum,
  [`${prefix}.manifest-position`]: position
})
const stargz = (toc: string) => ({ "containerd.io/snapshot/stargz/toc.digest": toc })

describe("by annotations", () => {
  test("a table of zstd:chunked is in the blob, to its last byte", () => {
    const table = { form: "zstd:chunked", digest, offset: 10, length: 990 }
    expect(tableOf(chunked("10:990:5000:1"))).toEqual(table)
    expect(tableOf(chunked("10:990:5000:1", digest, "io.containers.zstd-chunked"))).toEqual(table)
    expect(tableOf(chunked("10:1:5000:1"))).toMatchObject({ length: 1 })
    expect(tableOf(chunked("10:991:5000:1"))).toBeUndefined()
    expect(tableOf(chunked("999999999999999:1:5000:1"))).toBeUndefined()
  })

  test.each([
    "10:0:5000:1",
    "10:90:5000:2",
    "10:90:5000",
    "10:90:5000:1:1",
    "-10:90:5000:1",
    "10:-90:5000:1",
    "10:90::1",
    ":90:5000:1",
    "1e1:90:5000:1",
    "10:90:5000:1\n",
    `${"1".repeat(16)}:90:5000:1`,
    ""
  ])("a place %j is none", (position) => expect(tableOf(chunked(position))).toBeUndefined())

  test("a digest is a whole SHA-256 in small letters, or there is no table", () => {
    for (const wrong of [
      digest.slice(0, -1),
      `${digest}0`,
      digest.toUpperCase(),
      ` ${digest}`,
      digest.replace("sha256", "sha512")
    ]) {
      expect(tableOf(chunked("10:90:5000:1", wrong))).toBeUndefined()
      expect(tableOf(stargz(wrong))).toBeUndefined()
    }
    expect(tableOf({})).toBeUndefined()
  })

  test("a table of eStargz has its place in the footer; one of zstd:chunked comes first, if it has a place", () => {
    expect(tableOf(stargz(digest))).toEqual({ form: "estargz", digest })
    expect(tableOf({ ...stargz(digest), ...chunked("10:90:5000:1") })).toMatchObject({ form: "zstd:chunked" })
    expect(tableOf({ ...stargz(digest), ...chunked("10:9000:5000:1") })).toEqual({ form: "estargz", digest })
  })
})

/** Of stargz-snapshotter's `estargz.go`: an empty gzip member with the table's place in its extra field. */
const footer = (offset: string) =>
  Buffer.concat([
    Buffer.from("1f8b08040000000000ff1a0053471600", "hex"),
    Buffer.from(`${offset}STARGZ`),
    Buffer.from("010000ffff0000000000000000", "hex")
  ])
/** The same of CRFS, without a subfield, behind the last bytes of what is before it. */
const older = (offset: string) =>
  Buffer.concat([
    Buffer.from("beef", "latin1"),
    Buffer.from("1f8b08040000000000ff1600", "hex"),
    Buffer.from(`${offset}STARGZ`),
    Buffer.from("010000ffff0000000000000000", "hex")
  ])
const hex = (offset: number) => offset.toString(16).padStart(16, "0")

describe("by the footer", () => {
  test("a table is between the place that it tells and the footer", () => {
    expect(footer(hex(100))).toHaveLength(footerBytes)
    expect(placeByFooter(footer(hex(100)), digest, size)).toEqual({
      form: "estargz",
      digest,
      offset: 100,
      length: size - 51 - 100
    })
  })

  test("of the older form is shorter: its table ends where it begins", () => {
    expect(older(hex(100))).toHaveLength(footerBytes)
    expect(placeByFooter(older(hex(100)), digest, size)).toMatchObject({ offset: 100, length: size - 47 - 100 })
  })

  test("a table has a byte at least", () => {
    expect(placeByFooter(footer(hex(size - 52)), digest, size)).toMatchObject({ length: 1 })
    expect(placeByFooter(footer(hex(size - 51)), digest, size)).toBeUndefined()
    expect(placeByFooter(older(hex(size - 48)), digest, size)).toMatchObject({ length: 1 })
    expect(placeByFooter(older(hex(size - 47)), digest, size)).toBeUndefined()
    expect(placeByFooter(footer("f".repeat(16)), digest, size)).toBeUndefined()
  })

  test("what is none tells no place", () => {
    for (const whole of [footer(hex(100)), older(hex(100))]) {
      const begin = whole.indexOf("1f8b", "hex")
      const number = whole.indexOf("STARGZ") - 16
      // The signature, the method, the flag of an extra field, its length, the digits, the magic.
      for (const at of [begin, begin + 1, begin + 2, begin + 3, begin + 10, begin + 11, number, number + 16]) {
        const changed = Buffer.from(whole)
        changed[at] = 0x7a
        expect(placeByFooter(changed, digest, size)).toBeUndefined()
      }
      expect(placeByFooter(whole.subarray(1), digest, size)).toBeUndefined()
    }
    expect(placeByFooter(Buffer.alloc(0), digest, size)).toBeUndefined()
  })
})
