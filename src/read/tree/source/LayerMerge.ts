/** The headers of layers, the lowest first → one tree. */
import { setImmediate as turn } from "node:timers/promises"
import type { Limits } from "../../../api/config.ts"
import { type PackedHeaders, unpackHeaders } from "../../../layer/packHeaders.ts"
import { collectHeap, countEntries } from "../../../seams/v8/collectHeap.ts"
import { makeLayerApplier } from "../merge/applyLayer.ts"
import { MergedTree } from "../merge/MergedTree.ts"
import type { TreeBudget } from "./layerIndex.ts"

/** Entries that are applied before others have their turn on the event loop. */
const entriesPerTurn = 4096

export interface MergedLayer {
  /** 0 is the lowest. */
  readonly index: number
  readonly digest: string
  readonly headers: Array<PackedHeaders | undefined>
  /** The headers are not asked for again. They are many, and let go of as they are applied: the tree has what is needed of them. */
  readonly isLast: boolean
}

export class LayerMerge {
  readonly tree: MergedTree
  readonly #limits: Limits
  readonly #counted: ReturnType<TreeBudget["merge"]>
  #applied = 0

  /** `isWhole`: all layers of the image will come. */
  constructor(isWhole: boolean, limits: Limits, budget: TreeBudget) {
    this.tree = new MergedTree(isWhole)
    this.#limits = limits
    this.#counted = budget.merge()
  }

  /** One layer after the other, the lowest first. Rejects with a `Reason`. */
  async add({ index, digest, headers, isLast }: MergedLayer, signal: AbortSignal): Promise<void> {
    const applier = makeLayerApplier({
      tree: this.tree,
      layer: index,
      digest,
      limits: this.#limits,
      imply: this.#counted.imply
    })
    let ordinal = 0
    for (const [at, some] of headers.entries()) {
      if (some === undefined) throw new Error("headers that were applied for the last time are asked for again")
      for (const header of unpackHeaders(some)) {
        applier.entry(header, ordinal++)
        if (++this.#applied % entriesPerTurn !== 0) continue
        countEntries(entriesPerTurn)
        await turn()
        signal.throwIfAborted()
      }
      if (isLast) headers[at] = undefined
    }
    applier.finish()
  }

  /** To be called behind the last layer. */
  finish(): MergedTree {
    if (this.#applied > entriesPerTurn) collectHeap()
    return this.tree
  }

  /** To be called where the tree is not kept: the budget no longer counts it. */
  drop(): void {
    this.#counted.drop()
  }
}
