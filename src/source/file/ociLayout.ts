/** OCI image layout (image-spec, image-layout.md): `index.json` says which images there are, `blobs` holds them. */
import * as Effect from "effect/Effect"
import { ManifestNotFound, printable, type Reason } from "../../api/errors.ts"
import { type Descriptor, platformOf } from "../../image/Descriptor.ts"
import { Index, isAttestation } from "../../image/Index.ts"
import { decodeAs } from "../../image/json/decodeAs.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import { fullName, refName } from "../../image/reference/annotations.ts"
import { algorithmOf, type Digest, hexOf } from "../../image/reference/Digest.ts"
import { format, parse } from "../../image/reference/Reference.ts"
import { dockerHub } from "../../image/reference/registryName.ts"
import { type DocumentLimits, digestOf } from "../../registry/documents.ts"
import { type Container, documentOf, partOfBytes, unusable } from "../container/Container.ts"
import type { FileFormat, ImageSelector, LocalImage } from "./LocalImage.ts"

/** Names that an error lists. */
export const mostNames = 20

const namesOf = ({ annotations = {} }: Descriptor): ReadonlyArray<string> =>
  [annotations[fullName], annotations[refName]].filter((name) => name !== undefined)

/** `alpine` and `docker.io/library/alpine:latest` are the same name. A text that is not a reference is kept as it is. */
export const normalizeName = (name: string): Effect.Effect<string> =>
  parse(name, { defaultRegistry: dockerHub }).pipe(
    Effect.map(format),
    Effect.orElseSucceed(() => name)
  )

/** What a container holds, for a person to choose from. */
export const listLabels = (labels: ReadonlyArray<string>): string => {
  const distinct = [...new Set(labels)]
  const shown = distinct.slice(0, mostNames).map((label) => printable(label, 200))
  return shown.join(", ") + (distinct.length > mostNames ? ", …" : "")
}

export interface Choice {
  readonly names: ReadonlyArray<string>
  readonly digest: string
}

/** How each is asked for: by its name if no other has it, by its digest otherwise. */
export const labelsOf = (choices: ReadonlyArray<Choice>): ReadonlyArray<string> =>
  choices.map(({ names, digest }) => {
    const others = choices.filter((it) => it.digest !== digest)
    return names.find((name) => !others.some((it) => it.names.includes(name))) ?? `@${digest}`
  })

/** Several images fit what was asked for. */
export const ambiguityProblem = (choices: ReadonlyArray<Choice>, image: string | undefined): string =>
  image === undefined
    ? `say which of several images is meant: ${listLabels(labelsOf(choices))}`
    : `several images are called ${image}; say which is meant by its digest: ${listLabels(choices.map(({ digest }) => `@${digest}`))}`

/** None does. */
export const notFoundProblem = (choices: ReadonlyArray<Choice>): string =>
  choices.length === 0 ? "it has no image" : `it holds ${listLabels(labelsOf(choices))}`

export const readJson = Effect.fnUntraced(function* (
  container: Container,
  path: string,
  limit: number
): Effect.fn.Return<{ readonly bytes: Uint8Array; readonly json: unknown } | undefined, Reason> {
  const part = yield* container.find(path)
  if (part === undefined) return undefined
  const bytes = yield* documentOf(part, path, limit)
  const json = yield* parseJson(bytes).pipe(Effect.mapError((problem) => unusable(container, `${path}: ${problem}`)))
  return { bytes, json }
})

/** The exact name counts before one that only means the same. */
const called = Effect.fnUntraced(function* (entries: ReadonlyArray<Descriptor>, image: string) {
  const exactly = entries.filter((entry) => namesOf(entry).includes(image))
  if (exactly.length > 0) return exactly
  const wanted = yield* normalizeName(image)
  const alike: Array<Descriptor> = []
  for (const entry of entries) {
    const names = yield* Effect.forEach(namesOf(entry), normalizeName)
    if (names.includes(wanted)) alike.push(entry)
  }
  return alike
})

/** Images without names for a platform each: then `index.json` itself is the index of one image. */
const isIndexItself = (entries: ReadonlyArray<Descriptor>) =>
  entries.every((entry) => namesOf(entry).length === 0 && platformOf(entry) !== undefined)

const readIndex = Effect.fnUntraced(function* (
  container: Container,
  limit: number
): Effect.fn.Return<{ readonly bytes: Uint8Array; readonly manifests: Index["manifests"] }, Reason> {
  const found = yield* readJson(container, "index.json", limit)
  if (found === undefined) return yield* unusable(container, "there is no index.json: it is not an OCI layout")
  const { manifests } = yield* decodeAs(Index, found.json).pipe(
    Effect.mapError((problem) => unusable(container, `index.json: ${problem}`))
  )
  return { bytes: found.bytes, manifests }
})

const openOciLayout = Effect.fnUntraced(function* (
  container: Container,
  { url, image, digest }: ImageSelector,
  { documentBytes }: DocumentLimits
): Effect.fn.Return<LocalImage, Reason> {
  const { bytes, manifests } = yield* readIndex(container, documentBytes)
  const own = digestOf("sha256", bytes)
  const imageOf = (root: LocalImage["root"]): LocalImage => ({
    root,
    part: (digest: Digest) =>
      digest === own
        ? Effect.succeed(partOfBytes(bytes))
        : container.find(`blobs/${algorithmOf(digest)}/${hexOf(digest)}`)
  })
  if (digest !== undefined) {
    const descriptor = manifests.find((entry) => entry.digest === digest)
    return imageOf(descriptor === undefined ? { _tag: "Pin", digest } : { _tag: "Entry", descriptor })
  }
  const entries = manifests.filter((entry) => !isAttestation(entry))
  const chosen = image === undefined ? entries : yield* called(entries, image)
  const choiceOf = (entry: Descriptor): Choice => ({ names: namesOf(entry), digest: entry.digest })
  const [first] = chosen
  if (first === undefined) return yield* new ManifestNotFound({ url, detail: notFoundProblem(entries.map(choiceOf)) })
  if (chosen.every((entry) => entry.digest === first.digest)) return imageOf({ _tag: "Entry", descriptor: first })
  if (image === undefined && isIndexItself(entries)) return imageOf({ _tag: "Pin", digest: own })
  return yield* unusable(container, ambiguityProblem(chosen.map(choiceOf), image))
})

export const ociLayout: FileFormat = {
  takesDirectory: true,
  open: openOciLayout,
  names: (container, { documentBytes }) =>
    Effect.map(readIndex(container, documentBytes), ({ manifests }) =>
      manifests.flatMap((entry) => entry.annotations?.[refName] ?? [])
    )
}
