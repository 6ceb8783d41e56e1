import { expect, test } from "vitest"
import { makePartialLayers } from "../../../src/pull/partial/makePartialLayers.ts"
import type { FoundImage, ResolvedLayer } from "../../../src/registry/Registry.ts"

test("a layer of less than 64 KiB, or without an annotation, has no table", () => {
  const table = `sha256:${"0a".repeat(32)}`
  const layer = (digest: string, size: number, annotations = {}) => ({ mediaType: "", digest, size, annotations })
  const annotated = { "containerd.io/snapshot/stargz/toc.digest": table }
  const layers = [layer("a", 65_535, annotated), layer("b", 65_536, annotated), layer("c", 65_536)]
  const { tableOf } = makePartialLayers({ manifest: { value: { layers } } } as unknown as FoundImage)
  expect(layers.map((it) => tableOf(it as unknown as ResolvedLayer))).toEqual([undefined, table, undefined])
})
