/** Which trees an image has, where only its documents and the trees on disk are left of the store. */
import * as Effect from "effect/Effect"
import type { Tree, TreeForm } from "../trees/TreePaths.ts"
import { isSame, treeKey, wholeForms } from "../trees/treeForms.ts"
import type { Archives } from "./Archives.ts"

interface Layer {
  readonly digest: string
  readonly diffId: string
  readonly tree?: string | undefined
}

/**
 * `trees`: all on disk. Returns the forms in which an image is whole, and which of its layers have other trees than their own.
 */
export const restoredTrees = (archives: Archives, trees: ReadonlyArray<Tree>) => {
  const there = new Set(trees.map(treeKey))
  const wholeOf = wholeForms(trees)
  const variants = [...new Set(trees.flatMap(({ kind, variant }) => (kind === "extracted" ? [variant] : [])))].sort()
  const hasOwn = (form: TreeForm, digest: string) => there.has(treeKey({ ...form, digest }))

  /** The blob whose tree each layer uses; only if every layer has a tree in this form, its own or another blob's. */
  const othersIn = Effect.fnUntraced(function* (form: TreeForm, layers: ReadonlyArray<Layer>) {
    const others = new Map<string, string>()
    for (const { digest, diffId } of layers) {
      if (hasOwn(form, digest) || others.has(digest)) continue
      const other = yield* archives.find(diffId, form.variant, trees)
      if (other === undefined) return undefined
      others.set(digest, other)
    }
    return others
  })

  return Effect.fnUntraced(function* (manifest: string, all: ReadonlyArray<Layer>) {
    // A tree that was made by a table of contents is the layer's as its own would be.
    const layers = all.map(({ digest, diffId, tree = digest }) => ({ digest: tree, diffId }))
    const whole = [...wholeOf(manifest, layers)]
    const reused = new Map<string, string>()
    for (const variant of layers.length === 0 ? [] : variants) {
      const form: TreeForm = { kind: "extracted", variant }
      if (whole.some(isSame(form))) continue
      const others = yield* othersIn(form, layers)
      if (others === undefined) continue
      whole.push(form)
      for (const [digest, other] of others) if (!reused.has(digest)) reused.set(digest, other)
    }
    // What was extracted itself in one form was read.
    const hasOwnForm = (digest: string) => whole.some((form) => form.kind === "extracted" && hasOwn(form, digest))
    const others = new Map([...reused].filter(([digest]) => !hasOwnForm(digest)))
    for (const { digest, tree } of all) if (tree !== undefined) others.set(digest, tree)
    return { whole, reused: others }
  })
}
