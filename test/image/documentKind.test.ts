import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { documentKindOf } from "../../src/image/documentKind.ts"
import { dockerManifest, ociIndex, ociManifest } from "../../src/image/mediaTypes.ts"
import type { Digest } from "../../src/image/reference/Digest.ts"

const told = { digest: `sha256:${"0".repeat(64)}` as Digest, served: "" }
const kind = (json: unknown, served = "") => Effect.runSync(documentKindOf(json, { ...told, served }))
const refusal = (json: unknown, served = "") => Effect.runSync(Effect.flip(documentKindOf(json, { ...told, served })))

test("what it holds tells what it is, where no type does", () => {
  expect(kind({ manifests: [] })).toEqual({ kind: "index", mediaType: ociIndex })
  expect(kind({ config: {}, layers: [] })).toEqual({ kind: "manifest", mediaType: ociManifest })
})

const spellings = ["manifests", "Manifests", "MANIFESTS", "manifeſts", "manifeſtS"]

test.each(spellings)("an index in a manifest is one to readers of any case: %s (CVE-2021-41190)", (key) => {
  const document = { schemaVersion: 2, config: {}, layers: [], [key]: [] }
  for (const json of [document, { ...document, mediaType: ociManifest }])
    expect(refusal(json)).toMatchObject({ _tag: "InvalidManifest" })
  expect(refusal(document, dockerManifest)).toMatchObject({ _tag: "InvalidManifest" })
})

test.each(["Layers", "layerſ", "CONFIG", "FSLayers"])("a manifest in an index is one, too: %s", (key) => {
  expect(refusal({ mediaType: ociIndex, manifests: [], [key]: [] })).toMatchObject({ _tag: "InvalidManifest" })
})

test("a key in two spellings is two documents in one", () => {
  for (const json of [
    { config: {}, layers: [], Layers: [] },
    { config: {}, layers: [], mediaType: ociManifest, MediaType: ociIndex }
  ])
    expect(refusal(json)).toMatchObject({ _tag: "InvalidManifest", problem: expect.stringContaining("both") })
  expect(refusal({ MediaType: ociIndex, config: {}, layers: [] })).toMatchObject({ _tag: "InvalidManifest" })
  expect(refusal({ SchemaVersion: 1, config: {}, layers: [] })).toMatchObject({ _tag: "UnsupportedMediaType" })
})

test("what has no kind of its own is nobody's", () => {
  for (const json of [null, [], "index", 1]) expect(refusal(json)).toMatchObject({ _tag: "InvalidManifest" })
})
