/** Which requirements of a rule are satisfied so far, and what failed. */
import * as Effect from "effect/Effect"
import { IdentityMismatch, NotImplemented, type Reason, SignatureRejected, Unsigned } from "../../api/errors.ts"
import type { VerifiedSignature } from "../../api/signatures.ts"
import type { Candidate, Unusable } from "../gather/Candidate.ts"
import type { FoundRule } from "../rules/findRule.ts"
import { judge, type SignedDocument } from "./judge.ts"

/** A signature that satisfied a requirement, to be checked again without the network. */
export interface Used {
  readonly digest: string
  readonly candidate: Candidate
}

/** Failures that an error tells. */
const mostTold = 10

export interface Tally {
  /** True: the rule is satisfied. */
  readonly add: (found: Candidate | Unusable, document: SignedDocument) => Effect.Effect<boolean, Reason>
  readonly verified: () => ReadonlyArray<VerifiedSignature>
  readonly used: () => ReadonlyArray<Used>
  /** Why the rule is not satisfied. */
  readonly refusal: (digest: string) => Reason
}

export const makeTally = ({ rule: { mode, requirements }, reference, scope }: FoundRule): Tally => {
  const satisfied = new Map<number, VerifiedSignature>()
  const used = new Map<Candidate, Used>()
  const failures: Array<string> = []
  const others: Array<{ readonly wanted: string; readonly found: string }> = []
  const features = new Set<string>()
  let seen = 0

  const isEnough = () => (mode === "any" ? satisfied.size > 0 : satisfied.size === requirements.length)

  const add = Effect.fnUntraced(function* (found: Candidate | Unusable, document: SignedDocument) {
    seen += 1
    if (found._tag === "Unusable") {
      if (found.feature !== undefined) features.add(found.feature)
      failures.push(`${found.name}: ${found.problem}`)
      return false
    }
    for (const [at, requirement] of requirements.entries()) {
      if (satisfied.has(at)) continue
      const outcome = yield* judge(found, requirement, document, reference)
      if (outcome._tag === "Rejected") failures.push(`${found.name}: ${outcome.problem}`)
      else if (outcome._tag === "OtherSigner") others.push(outcome)
      else {
        satisfied.set(at, outcome.signature)
        used.set(found, { digest: document.digest, candidate: found })
        if (isEnough()) return true
      }
    }
    return false
  })

  return {
    add,
    verified: () => [...new Map([...satisfied.values()].map((it) => [JSON.stringify(it), it])).values()],
    used: () => [...used.values()],
    refusal: (digest) => {
      if (seen === 0) return new Unsigned({ digest, scope })
      if (features.size > 0 && features.size === failures.length && others.length === 0)
        return new NotImplemented({ feature: [...features].join(", ") })
      const [other] = others
      if (other !== undefined) {
        const found = [...new Set(others.map((it) => it.found))].slice(0, mostTold)
        return new IdentityMismatch({ digest, wanted: other.wanted, found })
      }
      const told = [...new Set(failures)]
      const more = told.length - mostTold
      return new SignatureRejected({
        digest,
        scope,
        failures: more > 0 ? [...told.slice(0, mostTold), `and ${more} more`] : told
      })
    }
  }
}
