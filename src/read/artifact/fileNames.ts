/** The files of an artifact, each with its name inside the target: a stranger's text, under the rules for a layer's entries. */
import * as Effect from "effect/Effect"
import type { Limits } from "../../api/config.ts"
import { InvalidManifest, isReason, type Reason } from "../../api/errors.ts"
import type { Descriptor } from "../../image/Descriptor.ts"
import { emptyConfig } from "../../image/mediaTypes.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { cleanName, unsafe } from "../../layer/apply/rules/cleanName.ts"

/** Image-spec, annotations.md. */
const titleKey = "org.opencontainers.image.title"
/** Bytes of a component on every file system in use. */
const longestComponent = 255

export interface NamedFile {
  readonly descriptor: Descriptor
  /** Components of its path; never empty, and none is `..`. */
  readonly names: ReadonlyArray<string>
}

/** A title's bytes as the extractor takes them, and back. */
const binary = (text: string) => Buffer.from(text).toString("latin1")
const textOf = (name: string) => (/^[\x01-\x7f]*$/.test(name) ? name : Buffer.from(name, "latin1").toString())

const namesOf = ({ digest, annotations }: Descriptor, limits: Limits, platform: NodeJS.Platform) => {
  const title = annotations?.[titleKey] ?? ""
  if (title === "") return [digest.replace(":", "-")]
  const refusal = { digest, limits }
  const names = cleanName(binary(title), refusal, platform)
  if (names.length === 0) throw unsafe(refusal, binary(title), "its title names no file")
  if (names.some((name) => name.length > longestComponent))
    throw unsafe(refusal, binary(title), `its title has a name of more than ${longestComponent} bytes`)
  return names.map(textOf)
}

/** Where case does not count, two names can be one file. */
const isFolding = (platform: NodeJS.Platform) => platform === "win32" || platform === "darwin"

/**
 * Fails with `UnsafeEntry` or `LimitExceeded` for a title that no file can have, and with `InvalidManifest` where two layers
 * claim one place. A layer that is listed twice becomes one file. The empty descriptor becomes no file.
 */
export const nameFiles = (
  layers: ReadonlyArray<Descriptor>,
  manifest: Digest,
  limits: Limits,
  platform: NodeJS.Platform = process.platform
): Effect.Effect<ReadonlyArray<NamedFile>, Reason> =>
  Effect.try({
    try: () => {
      const files = new Map<string, NamedFile>()
      const keyOf = (names: ReadonlyArray<string>) =>
        isFolding(platform) ? names.join("/").normalize().toLowerCase() : names.join("/")
      for (const descriptor of layers) {
        if (descriptor.mediaType === emptyConfig) continue
        const names = namesOf(descriptor, limits, platform)
        const known = files.get(keyOf(names))
        if (known !== undefined && known.descriptor.digest !== descriptor.digest)
          throw new InvalidManifest({ digest: manifest, problem: `two of its files are called ${names.join("/")}` })
        if (known === undefined) files.set(keyOf(names), { descriptor, names })
      }
      // In this order, what is beneath a file comes right behind it.
      const inOrder = [...files].map(([key, { names }]) => ({ place: `${key}/`, names }))
      inOrder.sort((a, b) => (a.place < b.place ? -1 : 1))
      for (const [at, { place, names }] of inOrder.entries())
        if (at > 0 && place.startsWith(inOrder[at - 1]?.place ?? ""))
          throw new InvalidManifest({
            digest: manifest,
            problem: `it needs a directory in place of a file for ${names.join("/")}`
          })
      return [...files.values()]
    },
    catch: (error) => {
      if (isReason(error)) return error
      throw error
    }
  })
