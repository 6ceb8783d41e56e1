/**
 * An image reference: `[registry[:port]/]repository[:tag][@digest]`, by the grammar of the distribution reference
 * package. `parse` gives the canonical form, `format` writes it, and `parse(format(reference))` is `reference`.
 */
import * as Effect from "effect/Effect"
import { InvalidReference, printable, type UnsupportedDigest } from "../../api/errors.ts"
import { component, tag as tagText } from "../../api/options/referenceGrammar.ts"
import { environmentVariable } from "../../seams/environmentVariable.ts"
import { type Digest, parseDigest } from "./Digest.ts"
import { dockerHub, isRegistry, normalizeRegistry } from "./registryName.ts"
import { suggestReference } from "./suggestReference.ts"

/** Canonical. It has a tag, a digest or both; where it has both, the digest decides and the tag is what was written. */
export interface Reference {
  /** Host in lower case, with its port where one was written: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
}

const repositoryGrammar = new RegExp(`^${component}(?:/${component})*$`)
const tagGrammar = new RegExp(`^${tagText}$`)
/** What `docker images` prints as an image's id is not a name; as one it would be pulled from a stranger's repository. */
const imageId = /^[a-f0-9]{64}$/

/** Characters of registry, slash and repository together. */
const longestName = 255
/** No reference that keeps the other rules is longer; this one keeps hostile input from the patterns. */
const longestText = 1024

/** Where a name without a registry goes: `OCI_REGISTRY_DOMAIN`, read at each parse, else Docker Hub. */
const registryOfEnvironment = Effect.map(environmentVariable("OCI_REGISTRY_DOMAIN"), (name = "") => name)

const looksLikeHost = (segment: string) => /[.:]/.test(segment) || segment.toLowerCase() === "localhost"

/** The first segment is a registry only if it looks like a host; `org/app` is not. */
const splitRegistry = (name: string): { readonly registry: string | undefined; readonly path: string } => {
  const slash = name.indexOf("/")
  const first = name.slice(0, Math.max(slash, 0))
  return looksLikeHost(first) ? { registry: first, path: name.slice(slash + 1) } : { registry: undefined, path: name }
}

interface ParseOptions {
  readonly defaultRegistry?: string | undefined
}

const parseExactly = Effect.fnUntraced(function* (
  text: string,
  options: ParseOptions
): Effect.fn.Return<Reference, InvalidReference | UnsupportedDigest> {
  const refuse = (rule: string, part?: string) =>
    new InvalidReference({
      input: String(text ?? ""),
      problem: part === undefined ? rule : `${rule}: ${printable(part)}`
    })
  // Plain JavaScript may give anything.
  const input = String(text ?? "").trim()
  if (input === "") return yield* refuse("input string is empty")
  if (input.length > longestText) return yield* refuse(`longer than ${longestText} characters`)

  const at = input.indexOf("@")
  const name = at < 0 ? input : input.slice(0, at)
  const pin = at < 0 ? undefined : input.slice(at + 1)
  const digest =
    pin === undefined
      ? undefined
      : yield* parseDigest(pin).pipe(Effect.catchTag("InvalidReference", () => refuse("invalid digest", pin)))

  const split = splitRegistry(name)
  const written = split.registry ?? ((options.defaultRegistry ?? (yield* registryOfEnvironment)).trim() || dockerHub)
  const colon = split.path.lastIndexOf(":")
  const path = colon < 0 ? split.path : split.path.slice(0, colon)
  if (path === "") return yield* refuse("repository is empty")
  const tag = colon >= 0 ? split.path.slice(colon + 1) : digest === undefined ? "latest" : undefined

  // A default that does not look like a host would, once written out, be read back as part of the repository.
  if (!looksLikeHost(written) || !isRegistry(written)) return yield* refuse("invalid registry", written)
  const registry = normalizeRegistry(written)
  const repository = registry === dockerHub && !path.includes("/") ? `library/${path}` : path
  if (!repositoryGrammar.test(repository) || imageId.test(input)) return yield* refuse("invalid repository", path)
  if (tag !== undefined && !tagGrammar.test(tag)) return yield* refuse("invalid tag", tag)
  if (registry.length + 1 + repository.length > longestName)
    return yield* refuse(`the name is longer than ${longestName} characters`)

  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
})

/** With what was probably meant, where that is known and would do. */
const refuseWithSuggestion = Effect.fnUntraced(function* (refusal: InvalidReference, options: ParseOptions) {
  const found = suggestReference(refusal.input)
  if (found === undefined) return yield* refusal
  const { write, problem = refusal.problem } = found
  const isFile = /^(?:oci|oci-archive|docker-archive):./.test(write)
  if (!isFile && !(yield* Effect.isSuccess(parseExactly(write, options)))) return yield* refusal
  return yield* new InvalidReference({ input: refusal.input, problem, suggestion: write })
})

/**
 * Reads a reference. Without tag and digest the tag is `latest`; with a digest alone no tag is invented.
 *
 * @param options.defaultRegistry where a name without a registry goes; default `OCI_REGISTRY_DOMAIN`, else `docker.io`.
 */
export const parse = (
  text: string,
  options: ParseOptions = {}
): Effect.Effect<Reference, InvalidReference | UnsupportedDigest> =>
  Effect.catchTag(parseExactly(text, options), "InvalidReference", (refusal) => refuseWithSuggestion(refusal, options))

/** `registry/repository[:tag][@digest]` */
export const format = ({ registry, repository, tag, digest }: Reference): string =>
  `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`

/** What a registry is asked for: the digest, or the tag if there is no digest. */
export const identifierOf = ({ tag, digest }: Reference): string => digest ?? tag ?? "latest"
