/** Hands an image on in one file: what is asked for → its bytes. */
import * as Effect from "effect/Effect"
import type { ExportOptions, Limits } from "../api/config.ts"
import { InvalidOption } from "../api/errors.ts"
import { erofsImage, plannedImage } from "../erofs/erofsImage.ts"
import { warnOfAttributes } from "../erofs/warnOfAttributes.ts"
import { PullEvents } from "../pull/events/PullEvents.ts"
import { orderedTree } from "../read/tree/orderedTree.ts"
import { archiveImages } from "./archiveImages.ts"
import { diskImageChunks } from "./diskImageChunks.ts"
import { openBlobs } from "./openBlobs.ts"
import { tarOf } from "./tarOf.ts"

const refuse = (option: string, problem: string) => Effect.fail(new InvalidOption({ option, problem }))

/** The bytes can be read once, until the scope closes. */
export const exportOf = Effect.fn("ociflow.export")(function* (
  references: ReadonlyArray<string>,
  { format = "tar", only, strip, ...options }: ExportOptions,
  limits: Limits
) {
  const [reference, ...others] = references
  if (reference === undefined) return yield* refuse("reference", "must name an image, or several")
  if (format === "tar" || format === "erofs") {
    if (others.length > 0)
      return yield* refuse("format", `\`${format}\` is the tree of one image; archives take several`)
    const tree = yield* orderedTree(reference, { only, strip, ...options }, limits)
    if (format === "tar") return tarOf(tree.entries())
    if (tree.diskImage !== undefined) return yield* diskImageChunks(tree.diskImage)
    const onXattrDropped = warnOfAttributes(yield* PullEvents)
    const { headers, entries: bodies, manifestDigest: identity, planned } = tree
    if (planned === undefined) return erofsImage({ headers, bodies }, { identity, onXattrDropped })
    const { signal } = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    return plannedImage(() => planned({ identity, onXattrDropped, signal }), bodies, signal)
  }
  if (only !== undefined || strip !== undefined)
    return yield* refuse(only === undefined ? "strip" : "only", `needs the tree of an image: ${format} has its layers`)
  const images = yield* Effect.forEach(references, (reference) => openBlobs(reference, options))
  return tarOf(archiveImages(images, format === "docker-archive"))
})
