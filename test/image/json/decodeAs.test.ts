import * as Effect from "effect/Effect"
import fc from "fast-check"
import { expect, test } from "vitest"
import { ConfigJson } from "../../../src/image/ConfigJson.ts"
import { Index } from "../../../src/image/Index.ts"
import { decodeAs } from "../../../src/image/json/decodeAs.ts"
import { parseJson } from "../../../src/image/json/parseJson.ts"
import type { Shape } from "../../../src/image/json/Shape.ts"
import { Manifest } from "../../../src/image/Manifest.ts"

const read = <A>(shape: Shape<A>, json: unknown) =>
  Effect.runSync(Effect.flatMap(parseJson(Buffer.from(JSON.stringify(json))), (json) => decodeAs(shape, json)))
const refusal = <A>(shape: Shape<A>, json: unknown) => Effect.runSync(Effect.flip(decodeAs(shape, json)))

const digest = `sha256:${"a".repeat(64)}`
const manifest = {
  mediaType: "m",
  config: { mediaType: "c", digest, size: 1 },
  layers: [{ mediaType: "l", digest, size: 2, urls: ["http://x/"], annotations: { Digest: "1", SIZE: "2" } }],
  annotations: { layers: "of clay", MediaType: "oil" }
}

/** Every key but those of `annotations`, which are data. */
const respelled = (value: unknown, spell: (key: string) => string): unknown => {
  if (Array.isArray(value)) return value.map((item) => respelled(item, spell))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [spell(key), key === "annotations" ? each : respelled(each, spell)])
  )
}

test("a key counts in any case, at any depth; the keys of annotations are data", () => {
  const plain = read(Manifest, manifest)
  expect(plain.layers[0]?.annotations).toEqual({ Digest: "1", SIZE: "2" })
  fc.assert(
    fc.property(fc.infiniteStream(fc.boolean()), (upper) => {
      const spell = (key: string) =>
        [...key].map((letter) => (upper.next().value === true ? letter.toUpperCase() : letter)).join("")
      expect(read(Manifest, respelled(manifest, spell))).toEqual(plain)
    })
  )
})

test.each([
  ["layers", "Layers"],
  ["mediaType", "MEDIATYPE"],
  ["annotations", "annotationſ"]
])("two spellings of one key are two documents in one: %s, %s", (one, other) => {
  const both = { ...manifest, [one]: manifest[one as "layers"], [other]: manifest[one as "layers"] }
  expect(refusal(Manifest, both)).toBe(`it has both ${one} and ${other}`)
})

test("two spellings count within what a document holds, too; other keys are nobody's", () => {
  const config = { ...manifest.config, Digest: digest.replaceAll("a", "b") }
  expect(refusal(Manifest, { ...manifest, config })).toBe("it has both digest and Digest")
  expect(read(Manifest, { ...manifest, other: 1, OTHER: 2 })).toEqual(read(Manifest, manifest))
})

test("null is nothing, and in a list an empty value", () => {
  const config = {
    os: null,
    rootfs: { type: "layers", diff_ids: null },
    config: { Env: ["A=1", null], Cmd: null, Labels: null },
    history: [null, { created_by: null, empty_layer: true }]
  }
  expect(read(ConfigJson, config)).toEqual({
    rootfs: { type: "layers", diff_ids: [] },
    config: { Env: ["A=1", ""] },
    history: [{}, { empty_layer: true }]
  })
  expect(refusal(ConfigJson, { rootfs: { diff_ids: [null] } })).toContain("diff_ids")
  expect(refusal(Manifest, { ...manifest, layers: [null] })).toContain("layers")
})

const senseless = [null, 7, "x", [], {}, { digest: "nonsense", size: 1 }, { digest, size: -1 }, { digest, size: "1" }]

test("an entry of an index that makes no sense is not an entry; the others count", () => {
  const entry = { mediaType: "m", digest, size: 1 }
  const { manifests } = read(Index, { manifests: [...senseless, entry, ...senseless] })
  expect(manifests).toEqual([entry])
})

test("what a pull does not need may be anything", () => {
  const odd = [1, "x", [], {}, [1], { a: 1 }, true]
  for (const value of odd) {
    const layer = {
      mediaType: "l",
      digest,
      size: 2,
      urls: value,
      annotations: value,
      platform: value,
      artifactType: value
    }
    const { layers } = read(Manifest, { ...manifest, layers: [layer], annotations: value, artifactType: value })
    expect(layers[0]).toMatchObject({ mediaType: "l", digest, size: 2 })
    const config = { rootfs: { diff_ids: [digest], type: value }, history: value, author: value, created: value }
    const inner = { Cmd: value, Env: value, Labels: value, ExposedPorts: value, User: value }
    for (const more of [value, inner])
      expect(read(ConfigJson, { ...config, config: more }).rootfs.diff_ids).toEqual([digest])
  }
})

test("of labels and annotations those that are texts count", () => {
  const { annotations } = read(Manifest, { ...manifest, annotations: { a: "1", b: 2, c: { d: "3" } } })
  expect(annotations).toEqual({ a: "1" })
  expect(read(ConfigJson, { config: { Labels: { a: 1, b: "2" } } }).config?.Labels).toEqual({ b: "2" })
})

test.each(["digest", "size", "os", "architecture", "diff_ids"])("what a pull needs is checked: %s", (key) => {
  const wrong = { [key]: { no: "sense" } }
  const [schema, json] =
    key === "digest" || key === "size"
      ? [Manifest, { ...manifest, layers: [{ ...manifest.config, ...wrong }] }]
      : [ConfigJson, key === "diff_ids" ? { rootfs: wrong } : wrong]
  expect(refusal(schema as Shape<unknown>, json)).toContain(key)
})

test("a mapping that a stranger writes changes nothing but itself", () => {
  const json = JSON.parse(`{"__proto__": {"layers": 1}, "Config": ${JSON.stringify(manifest.config)}}`)
  const found = read(Manifest, json)
  expect(found.layers).toEqual([])
  expect(Reflect.get({}, "layers")).toBeUndefined()
})

test.each([[0xff], [0xe9], [0xc3], [0xed, 0xa0, 0x80]])(
  "bytes that are no UTF-8 are read as Go reads them: %s",
  (...bytes) => {
    const text = Buffer.concat([Buffer.from('{"a":"x'), Buffer.from(bytes), Buffer.from('y"}')])
    expect(Effect.runSync(parseJson(text))).toEqual({ a: expect.stringMatching(/^x\ufffd+y$/u) })
  }
)

test.each(["\ufeff{}", "{} {}", "{'a':1}", '{"a":1,}', ""])("what is not JSON for Go is none here: %j", (text) => {
  expect(Effect.runSync(Effect.flip(parseJson(Buffer.from(text))))).toBe("it is not JSON")
})

test("a list of 4096 items is read, one of 4097 is refused before its items are looked at", () => {
  const manifests = Array.from({ length: 4096 }, () => ({ digest, size: 1 }))
  expect(read(Index, { manifests }).manifests).toHaveLength(4096)
  expect(refusal(Index, { manifests: [...manifests, null] })).toBe("it has a list of more than 4096 items")
  expect(Effect.runSync(decodeAs(Index, { manifests: [...manifests, null] }, 4097)).manifests).toHaveLength(4096)
  for (const [schema, json] of [
    [ConfigJson, { history: Array(2_000_000).fill(null) }],
    [ConfigJson, { config: { Env: Array(2_000_000).fill("") } }],
    [Manifest, { ...manifest, layers: [{ ...manifest.config, urls: Array(4097).fill("") }] }]
  ] as const)
    expect(refusal(schema as Shape<unknown>, json)).toContain("more than 4096 items")
})
