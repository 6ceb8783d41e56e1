/** The rule that counts for an image. */
import { realpath } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { NotImplemented as Missing, type NotImplemented, type Reason, SignatureRejected } from "../../api/errors.ts"
import { parse, type Reference } from "../../image/reference/Reference.ts"
import type { LocalReference } from "../../source/file/LocalReference.ts"
import type { Origin } from "../../source/Origin.ts"
import type { Rule, Rules } from "./Rule.ts"
import { scopesOf, scopesOfFile } from "./scopes.ts"

export type Signed = Extract<Rule, { readonly _tag: "Signed" }>

export interface FoundRule {
  readonly scope: string
  readonly rule: Signed
  readonly reference: Reference
}

const firstOf = (rules: Rules, scopes: ReadonlyArray<string>) => {
  for (const scope of scopes) {
    const rule = rules.get(scope)
    if (rule !== undefined) return { scope, rule }
  }
  return undefined
}

/** `undefined` where the path has no links, or leads nowhere. */
const whereLeads = Effect.fnUntraced(function* (at: LocalReference) {
  const path = yield* Effect.promise(() => realpath(at.path).catch(() => at.path))
  return path === at.path ? undefined : { ...at, path }
})

const noSignatures =
  "an image from a file has no signatures to verify; a rule for `oci:` or `docker-archive:` can accept it"

/** `undefined`: accepted without a look at signatures. Fails where no signature could help. */
export const findRule = Effect.fnUntraced(function* (
  rules: Rules,
  { at }: Pick<Origin, "at">,
  digest: string
): Effect.fn.Return<FoundRule | undefined, NotImplemented | Reason> {
  const refuse = (scope: string, ...failures: ReadonlyArray<string>) =>
    new SignatureRejected({ digest, scope, failures })
  const judge = Effect.fnUntraced(function* (
    found: { readonly scope: string; readonly rule: Rule } | undefined,
    place: string
  ) {
    if (found === undefined) return yield* refuse(place, noSignatures)
    const { scope, rule } = found
    if (rule._tag === "Refuse") return yield* refuse(scope, rule.problem)
    if (rule._tag === "NotImplemented") return yield* new Missing({ feature: rule.feature })
    return rule._tag === "Accept" ? undefined : { scope, rule }
  })
  if (!("transport" in at)) {
    const signed = yield* judge(firstOf(rules, scopesOf(at)), at.registry)
    return signed === undefined ? undefined : { ...signed, reference: at }
  }
  const place = `${at.transport}:`
  const led = yield* whereLeads(at)
  // Where a link stands says what is asked for; a rule for where it leads counts as well.
  const beyond = led === undefined ? undefined : firstOf(rules, scopesOfFile(led).slice(0, -1))
  if (beyond !== undefined && (yield* judge(beyond, place)) !== undefined)
    return yield* refuse(beyond.scope, noSignatures)
  const ofFile = yield* judge(firstOf(rules, scopesOfFile(at)), place)
  if (ofFile !== undefined) return yield* refuse(ofFile.scope, noSignatures)
  if (at.name === undefined) return undefined
  // It would be found under this name as if a registry had sent it.
  const reference = yield* parse(at.name)
  const ofName = yield* judge(firstOf(rules, scopesOf(reference)), place)
  return ofName === undefined ? undefined : yield* refuse(ofName.scope, noSignatures)
})
