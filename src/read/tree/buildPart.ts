/**
 * A merged layout, for a part of an image: what `only` and `strip` select of its tree, in a directory or a disk image of its own. The
 * headers of layers are read first, the highest layer first, until all of the part is known; then the bodies of its files.
 */
import * as Effect from "effect/Effect"
import type { Limits } from "../../api/config.ts"
import type { LayerProgress } from "../../api/events.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { emit, PullEvents } from "../../pull/events/PullEvents.ts"
import type { BuildPart } from "../../pull/pull.ts"
import { publishTree } from "../../pull/rootfs/publishTree.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { diskImageIn, isDiskImage, mergedIn } from "../../store/trees/TreePaths.ts"
import { Trees } from "../../store/trees/Trees.ts"
import { planDiskImage } from "./planDiskImage.ts"
import { planImage } from "./source/planImage.ts"
import { writePlan } from "./source/writePlan.ts"
import { writeErofs } from "./writeErofs.ts"

/** Events: each layer that is needed begins and, once the part has its name, is done. Of the others there are none. */
export const makeBuildPart = (limits: Limits): BuildPart =>
  Effect.fn("ociflow.part")(function* (source, image, { key, selection }) {
    const locks = yield* Locks
    const trees = yield* Trees
    const pool = yield* ExtractionPool
    const manifest = image.manifest.descriptor.digest
    const { rootfsPath, variant } = trees.pathsOf(key)
    if (rootfsPath === undefined) return yield* Effect.die(new Error("a part of an image that is not merged"))
    const path = rootfsPath(manifest)
    // Others who want the same part wait, and find it.
    yield* locks.lock(`${manifest}.part-${key}`)
    const isPublished = yield* trees.has(path)
    if (isPublished && (yield* trees.fingerprints.find(path)) !== undefined) return

    const tell = yield* PullEvents
    const last = new Map<string, LayerProgress>()
    const isSpooled = isDiskImage(variant)
    const { merged, plan } = yield* planImage(source, image, selection, limits, {
      isSpooled,
      tell: (event) => {
        if (event._tag === "LayerProgress") last.set(event.digest, event)
        tell(event)
      }
    })
    yield* Effect.gen(function* () {
      const directory = yield* (yield* Staging).stage
      const target = isSpooled ? diskImageIn(directory) : directory
      yield* Effect.addFinalizer(() => pool.settled(target))
      if (isSpooled)
        yield* Effect.flatMap(planDiskImage(plan, merged, manifest), (planned) => writeErofs(planned, target))
      else yield* writePlan({ plan, merged, digest: manifest, directory })
      yield* publishTree({ digest: manifest, directory, path, isUnproven: isPublished })
    }).pipe(Effect.scoped)
    const read = new Map([...merged.layers.values()].map(({ layer }) => [layer.digest, layer.diffId]))
    for (const [digest, diffId] of read) {
      const { inflated = 0, entries = 0 } = last.get(digest) ?? {}
      yield* emit({ _tag: "LayerDone", digest, diffId, path: mergedIn(path, variant), inflated, entries })
    }
  }, Effect.scoped)
