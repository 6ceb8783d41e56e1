/** Whether a signature was made for the repository that an image is pulled from: `signedIdentity` of containers-policy.json(5). */
import * as Effect from "effect/Effect"
import type { SignedIdentity } from "../../api/signatures.ts"
import { parse, type Reference } from "../../image/reference/Reference.ts"

/** These compare tags, unless the image was pulled by its digest. */
const exact: ReadonlySet<SignedIdentity["type"]> = new Set([
  "matchExact",
  "matchRepoDigestOrExact",
  "exactReference",
  "remapIdentity"
])

const nameOf = ({ registry, repository }: Reference) => `${registry}/${repository}`

const fullOf = (reference: Reference) =>
  `${nameOf(reference)}${reference.digest === undefined ? `:${reference.tag ?? "latest"}` : `@${reference.digest}`}`

/** A host alone, or a path that ends at a component. */
const isBeneath = (name: string, prefix: string) => name === prefix || name.startsWith(`${prefix}/`)

const read = (text: string) => Effect.option(parse(text, { defaultRegistry: "docker.io" }))

const matches = Effect.fnUntraced(function* (wanted: SignedIdentity, pulled: Reference, signed: Reference) {
  switch (wanted.type) {
    case "matchExact":
      return fullOf(pulled) === fullOf(signed)
    case "matchRepoDigestOrExact":
      return pulled.digest === undefined ? fullOf(pulled) === fullOf(signed) : nameOf(pulled) === nameOf(signed)
    case "matchRepository":
      return nameOf(pulled) === nameOf(signed)
    case "exactReference": {
      const exact = yield* read(wanted.dockerReference)
      return exact._tag === "Some" && fullOf(exact.value) === fullOf(signed)
    }
    case "exactRepository": {
      const exact = yield* read(wanted.dockerRepository)
      return exact._tag === "Some" && nameOf(exact.value) === nameOf(signed)
    }
    case "remapIdentity": {
      const name = nameOf(pulled)
      if (!isBeneath(name, wanted.prefix)) return fullOf(pulled) === fullOf(signed)
      const mapped = yield* read(fullOf(pulled).replace(wanted.prefix, () => wanted.signedPrefix))
      if (mapped._tag === "None") return false
      return pulled.digest === undefined
        ? fullOf(mapped.value) === fullOf(signed)
        : nameOf(mapped.value) === nameOf(signed)
    }
  }
})

/** What is wrong, if anything is. `named`: what the signature names; `undefined` for one that names a digest alone. */
export const signedIdentityProblem = Effect.fnUntraced(function* (
  wanted: SignedIdentity | undefined,
  pulled: Reference,
  named: string | undefined
): Effect.fn.Return<string | undefined> {
  if (wanted === undefined) return undefined
  if (named === undefined) return `it names no repository, and the rule asks for one (${wanted.type})`
  const signed = yield* read(named)
  if (signed._tag === "None") return `it names ${JSON.stringify(named)}, which is not a reference`
  // Without a tag, it was made for no image of the repository in particular.
  const isName = !/[:@]/.test(named.slice(named.lastIndexOf("/") + 1))
  const takesAnyTag = pulled.digest !== undefined && /^(?:matchRepoDigestOrExact|remapIdentity)$/.test(wanted.type)
  if (isName && exact.has(wanted.type) && !takesAnyTag)
    return `it names ${named} without a tag, and the rule asks for one (${wanted.type})`
  const isRight = yield* matches(wanted, pulled, signed.value)
  return isRight
    ? undefined
    : `it was made for ${named}, and the rule does not take that for ${fullOf(pulled)} (${wanted.type})`
})
