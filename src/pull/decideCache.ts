/** Whether a pull uses what the store holds, or asks the source. */
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PullPolicy } from "../api/config.ts"
import { NotCached, type Reason } from "../api/errors.ts"
import type { PulledImage } from "../api/events.ts"
import { isDirectory } from "../fs/directories.ts"
import { formatPlatform, type Platform } from "../image/Platform.ts"
import { layoutNamesOf } from "../source/file/LocalReference.ts"
import type { ImageSource } from "../source/ImageSource.ts"
import { Blobs } from "../store/blobs/Blobs.ts"
import { Catalogue } from "../store/catalogue/Catalogue.ts"
import { Trees } from "../store/trees/Trees.ts"
import { PullEvents } from "./events/PullEvents.ts"
import type { Part } from "./Part.ts"
import type { PullRequest } from "./PullRequest.ts"

export interface CacheState {
  readonly policy: PullPolicy
  /** A file is read without the network, so it is always checked for changes. */
  readonly source: "registry" | "file"
  /** The image is recorded for the platform, each tree is there and, with `keepBlobs`, each blob. */
  readonly isComplete: boolean
}

/** `Compare`: use the image if the source still has the same digest under this name; pull it if not. */
export type CacheDecision = "Use" | "Compare" | "Pull" | "Fail"

/**
 * | policy            | source   | image      | decision  |
 * | ----------------- | -------- | ---------- | --------- |
 * | `missing`         | registry | complete   | `Use`     |
 * | `missing`         | file     | complete   | `Compare` |
 * | `missing`         | any      | incomplete | `Pull`    |
 * | `always`          | any      | complete   | `Compare` |
 * | `always`          | any      | incomplete | `Pull`    |
 * | `never`           | any      | complete   | `Use`     |
 * | `never`           | any      | incomplete | `Fail`    |
 */
export const decideCache = ({ policy, source, isComplete }: CacheState): CacheDecision => {
  if (!isComplete) return policy === "never" ? "Fail" : "Pull"
  return policy === "always" || (policy === "missing" && source === "file") ? "Compare" : "Use"
}

/** Whether a tree was made by its layer's table of contents: none of those has the layer's own name. */
const hasTableTree = Effect.fnUntraced(function* ({ layers }: Pick<PulledImage, "layers">) {
  const { merged, fingerprints, layerPath } = yield* Trees
  const others = merged ? [] : layers.filter(({ digest, path }) => path !== layerPath(digest))
  const known = yield* Effect.forEach(others, ({ path }) => fingerprints.findAny(path))
  return known.some((it) => it?.table !== undefined)
})

/** The image, where the store has all of it. */
const findComplete = Effect.fnUntraced(function* (name: string, { platform, part, partial }: PullRequest) {
  const { find } = yield* Catalogue
  const { layout } = yield* Blobs
  const found = yield* find(name, platform, part?.key)
  // Only a request with `partial` may use a tree that was checked against a table of contents.
  if (Option.isSome(found) && !partial && (yield* hasTableTree(found.value))) return Option.none<PulledImage>()
  if (Option.isNone(found) || layout === undefined || part !== undefined) return found
  return (yield* layout.holds(yield* layoutNamesOf(name), found.value)) ? found : Option.none<PulledImage>()
})

const stateOf = ({ policy }: PullRequest, source: ImageSource | undefined, image: Option.Option<PulledImage>) => ({
  policy,
  source: source?.isRemote === false ? ("file" as const) : ("registry" as const),
  isComplete: Option.isSome(image)
})

/** The stored image, if it can be used as it is. None: pull it or, without a source, fail. */
export const findCached = Effect.fnUntraced(function* (
  request: PullRequest,
  source: ImageSource | undefined
): Effect.fn.Return<Option.Option<PulledImage>, Reason, Blobs | Catalogue | Trees> {
  const name = source?.name ?? request.origin.name
  // A look-up loads the database engine, so a name without a record is looked up only if it cannot be pulled.
  const isRecorded = source === undefined || (yield* (yield* Catalogue).hasRecord(name))
  const image = isRecorded ? yield* findComplete(name, request) : Option.none<PulledImage>()
  const decision = decideCache(stateOf(request, source, image))
  if (decision === "Use") return image
  if (decision !== "Compare" || source === undefined) return Option.none()
  const digest = yield* source.digest(yield* PullEvents)
  return Option.filter(image, (it) => it.digest === digest)
})

/** For when the source has failed. A power cut may have lost a name's record but not its rows. */
export const findUnrecorded = Effect.fnUntraced(function* (request: PullRequest, source: ImageSource) {
  const image = yield* findComplete(source.name, request)
  return decideCache(stateOf(request, source, image)) === "Use" ? image : Option.none<PulledImage>()
})

const hasWhole = ({ rootfs, erofs }: Pick<PulledImage, "rootfs" | "erofs">) => {
  const directory = erofs === undefined ? rootfs : dirname(erofs)
  return directory === undefined ? Effect.succeed(true) : isDirectory(directory)
}

/** Why the store cannot serve this image without the network. */
export const whyNotCached = Effect.fnUntraced(function* (
  reference: string,
  wanted: Platform,
  part?: Part
): Effect.fn.Return<NotCached, Reason, Blobs | Catalogue | Trees> {
  const platform = formatPlatform(wanted)
  const known = yield* (yield* Catalogue).inspect(reference)
  if (Option.isNone(known)) return new NotCached({ platform })
  const { manifests } = known.value
  const manifest =
    manifests.find((it) => it.platform === platform) ?? (manifests.length === 1 ? manifests[0] : undefined)
  if (manifest !== undefined && part !== undefined)
    return new NotCached({ platform, problem: "this part of it was not pulled" })
  if (manifest?.complete === false && manifest.parts !== undefined && !(yield* hasWhole(manifest)))
    return new NotCached({ platform, problem: "only a part of it was pulled" })
  const missing: Array<string> = []
  const isThere = (path: string) => isDirectory(manifest?.erofs === undefined ? path : dirname(path))
  for (const { digest, path } of manifest?.layers ?? []) if (!(yield* isThere(path))) missing.push(digest)
  if (missing.length > 0)
    return new NotCached({
      platform,
      problem: `layer ${[...new Set(missing)].join(", ")} is missing, or was pulled with another layout or ownership`
    })
  if (manifest !== undefined && (yield* hasTableTree(manifest)))
    return new NotCached({ platform, problem: "it was pulled with `partial`, so its diffIDs were not checked" })
  if (manifest !== undefined && (yield* Blobs).layout !== undefined)
    return new NotCached({ platform, problem: "not all of its blobs are kept" })
  const pulled = manifests.map((it) => it.platform).join(", ")
  return new NotCached({ platform, problem: `it was pulled for ${pulled} only` })
})
