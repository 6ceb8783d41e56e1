/** The rules of the option `verify`, as they were given. */
import type { SignatureRequirement, SignatureRule, SignatureRules } from "../../api/signatures.ts"
import type { Requirement, Rule, Rules, TrustFile } from "./Rule.ts"
import { anyRegistry, normalizeScope } from "./scopes.ts"

/** PEM text is not shown. */
export const fileOf = (given: string): TrustFile =>
  given.includes("-----BEGIN") ? { name: "the key in `verify`", content: given } : { name: given, path: given }

const asList = <A>(given: A | ReadonlyArray<A>): ReadonlyArray<A> =>
  Array.isArray(given) ? (given as ReadonlyArray<A>) : [given as A]

const compile = (given: SignatureRequirement): Requirement => {
  const { signedIdentity, predicateType, trustedRoot } = given
  const file = trustedRoot === undefined ? undefined : ({ _tag: "File", file: fileOf(trustedRoot) } as const)
  if ("key" in given && given.key !== undefined)
    return { _tag: "Keys", keys: asList(given.key).map(fileOf), root: file, signedIdentity, predicateType }
  const { issuer, identity, tuf } = given as Exclude<typeof given, { readonly key: unknown }>
  const root = file ?? { _tag: "Tuf", tuf: tuf === true ? {} : (tuf ?? {}) }
  return { _tag: "Identity", issuer, identity, root, signedIdentity, predicateType }
}

const always = (verdict: "accept" | "refuse"): Rule =>
  verdict === "accept" ? { _tag: "Accept" } : { _tag: "Refuse", problem: "it refuses each image" }

const ruleOf = ({ any, all, always: verdict }: SignatureRule): Rule => {
  if (verdict !== undefined) return always(verdict)
  const requirements = (any ?? all ?? []).map(compile)
  return { _tag: "Signed", mode: any === undefined ? "all" : "any", requirements }
}

export const compileRules = ({ rules, otherwise = "refuse" }: SignatureRules): Rules => {
  const other: Rule =
    otherwise === "accept" ? always("accept") : { _tag: "Refuse", problem: "no rule is for the image" }
  const byScope = new Map<string, Rule>()
  for (const rule of rules) {
    const scope = normalizeScope(rule.scope)
    // `docker.io/app` and `index.docker.io/app` are one scope: which of two rules was meant, nobody knows.
    const problem = `two rules are for ${scope}`
    byScope.set(scope, byScope.has(scope) ? { _tag: "Refuse", problem } : ruleOf(rule))
  }
  return new Map([[anyRegistry, other], ...byScope])
}
