/**
 * One attempt to make the disk image of all of an image. The layers are read while they are downloaded to partial blobs: their
 * headers into memory, the bodies of their files into temporary files. Then the bodies are copied to their places:
 *
 *     layer 1   download, verify, spool bodies ┐         ┌ copy bodies ┐
 *     layer 2   download, verify, spool bodies ┼ merge ┄ ┼ copy bodies ┼ publish by rename
 *     layer 3   download, verify, spool bodies ┘         └ copy bodies ┘
 */
import * as Effect from "effect/Effect"
import * as RcMap from "effect/RcMap"
import type { Limits } from "../../api/config.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import type { BuildTree } from "../../pull/rootfs/buildRootfs.ts"
import { publishTree } from "../../pull/rootfs/publishTree.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { diskImageIn } from "../../store/trees/TreePaths.ts"
import { Trees } from "../../store/trees/Trees.ts"
import { planDiskImage } from "./planDiskImage.ts"
import { planImage } from "./source/planImage.ts"
import { writeErofs } from "./writeErofs.ts"

const everything = { only: undefined, strip: 0 }

export const makeBuildErofs = (limits: Limits): BuildTree =>
  Effect.fnUntraced(function* ({ source, image, isUnproven, layers, permits }) {
    const pool = yield* ExtractionPool
    const manifest = image.manifest.descriptor.digest
    const done = new Map<string, { readonly inflated: number; readonly entries: number }>()
    // What the image does not need of the merged tree, and of the plan of its entries, is not held any longer than this.
    const planned = yield* planImage(source, image, everything, limits, {
      isSpooled: true,
      tell: (event) => {
        if (event._tag === "LayerProgress") done.set(event.digest, event)
      },
      reading: { open: ({ digest }) => RcMap.get(layers, digest), permits }
    }).pipe(Effect.flatMap(({ merged, plan }) => planDiskImage(plan, merged, manifest)))
    const directory = yield* (yield* Staging).stage
    const file = diskImageIn(directory)
    yield* Effect.addFinalizer(() => pool.settled(file))
    yield* writeErofs(planned, file)
    const path = (yield* Trees).rootfsPath(manifest)
    yield* publishTree({ digest: manifest, directory, path, isUnproven })
    return done
  }, Effect.scoped)
