/** One signature, looked at for one requirement. */
import { createHash, type KeyObject } from "node:crypto"
import type { Bundle } from "@sigstore/bundle"
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import type { VerifiedSignature } from "../../api/signatures.ts"
import type { Reference } from "../../image/reference/Reference.ts"
import type { Candidate, SimpleSigning } from "../gather/Candidate.ts"
import type { IdentityRequirement, KeysRequirement, Requirement } from "../rules/Rule.ts"
import { signedIdentityProblem } from "../rules/signedIdentity.ts"
import { bundleOf } from "./cosignBundle.ts"
import { fingerprintOf, isSignedBy, readKeys } from "./keys.ts"
import { type Outcome, rejected } from "./Outcome.ts"
import { readBundle, verifyBundle } from "./sigstore.ts"
import { claimsOf } from "./simpleSigning.ts"
import { statementAbout, statementType } from "./statement.ts"

/** The document that a signature should be of. */
export interface SignedDocument {
  readonly digest: string
  /** Its bytes; a message signature is of them. */
  readonly bytes: Effect.Effect<Uint8Array, Reason>
}

type About = Pick<VerifiedSignature, "kind" | "digest" | "predicateType" | "predicate">

const otherKey = "it is not by the key, or not of what it is about"

/** The algorithms by their numbers in Sigstore's `HashAlgorithm`; 0 if none is told. */
const hashes: ReadonlyMap<number, string> = new Map([
  [0, "sha256"],
  [1, "sha256"],
  [2, "sha384"],
  [3, "sha512"]
])

const hasName = (wanted: string | RegExp, found: string): boolean =>
  // A global expression remembers where it was.
  typeof wanted === "string"
    ? wanted === found
    : new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, "")).test(found)

/** The facts of the first entry of a transparency log. */
const logged = (bundle: Bundle) => {
  const [entry] = bundle.verificationMaterial.tlogEntries
  if (entry === undefined) return {}
  const seconds = Number(entry.integratedTime)
  const index = Number(entry.logIndex)
  return {
    ...(Number.isSafeInteger(index) ? { logIndex: index } : {}),
    ...(seconds > 0 && seconds < 2 ** 33 ? { integratedTime: new Date(seconds * 1000).toISOString() } : {})
  }
}

const byKeys = Effect.fnUntraced(function* (
  { keys, root }: KeysRequirement,
  bundle: Bundle,
  artifact: Uint8Array | undefined,
  about: About
): Effect.fn.Return<Outcome, Reason> {
  if (bundle.verificationMaterial.content.$case !== "publicKey")
    return rejected("it was made with a certificate, and the rule wants a key")
  let problem = otherKey
  for (const key of (yield* Effect.forEach(keys, readKeys)).flat()) {
    const signer = yield* verifyBundle({ bundle, artifact, root, key })
    if (typeof signer !== "string") {
      const proven = root === undefined ? {} : logged(bundle)
      return { _tag: "Verified", signature: { signer: fingerprintOf(key), ...about, ...proven } }
    }
    problem = signer
  }
  return rejected(problem)
})

const byIdentity = Effect.fnUntraced(function* (
  { issuer, identity, root }: IdentityRequirement,
  bundle: Bundle,
  artifact: Uint8Array | undefined,
  about: About
): Effect.fn.Return<Outcome, Reason> {
  if (bundle.verificationMaterial.content.$case === "publicKey")
    return rejected("it was made with a key, and the rule wants a certificate")
  const signer = yield* verifyBundle({ bundle, artifact, root, key: undefined })
  if (typeof signer === "string") return rejected(signer)
  const { subjectAlternativeName: name = "", extensions = {} } = signer.identity ?? {}
  const { issuer: found = "" } = extensions
  if (!hasName(identity, name) || !hasName(issuer, found))
    return { _tag: "OtherSigner", wanted: `${identity} (${issuer})`, found: `${name} (${found})` }
  return { _tag: "Verified", signature: { signer: name, ...about, issuer: found, ...logged(bundle) } }
})

const byRequirement = (requirement: Requirement, bundle: Bundle, artifact: Uint8Array | undefined, about: About) =>
  requirement._tag === "Keys"
    ? byKeys(requirement, bundle, artifact, about)
    : byIdentity(requirement, bundle, artifact, about)

const plainlySigned = Effect.fnUntraced(function* (
  keys: ReadonlyArray<KeyObject>,
  payload: Uint8Array,
  signature: string,
  about: About
): Effect.fn.Return<Outcome> {
  const key = keys.find((key) => isSignedBy(key, payload, Buffer.from(signature, "base64")))
  return key === undefined
    ? rejected(otherKey)
    : { _tag: "Verified", signature: { signer: fingerprintOf(key), ...about } }
})

/** A policy names the authority alone, and cosign has the certificates between it and the signer in an annotation. */
const withChain = (requirement: Requirement, offered: string | undefined): Requirement => {
  if (requirement._tag !== "Identity" || requirement.root._tag !== "Parts") return requirement
  return { ...requirement, root: { _tag: "Parts", parts: { ...requirement.root.parts, offered } } }
}

const judgeSimpleSigning = Effect.fnUntraced(function* (
  candidate: SimpleSigning,
  requirement: Requirement,
  digest: string,
  reference: Reference
): Effect.fn.Return<Outcome, Reason> {
  const payload = Buffer.from(candidate.payload, "base64")
  const claims = claimsOf(payload)
  if (claims === undefined) return rejected("its payload is not in cosign's format")
  if (claims.digest !== digest) return rejected(`it is of another image, ${claims.digest}`)
  if (requirement.predicateType !== undefined) return rejected("it is not a statement, and the rule wants one")
  const about: About = { kind: "simple-signing", digest }
  const isPlain = requirement._tag === "Keys" && requirement.root === undefined
  let outcome: Outcome
  if (isPlain) {
    const keys = (yield* Effect.forEach(requirement.keys, readKeys)).flat()
    outcome = yield* plainlySigned(keys, payload, candidate.signature, about)
  } else {
    const bundle = yield* readBundle(() => bundleOf(candidate))
    if (typeof bundle === "string") return rejected(bundle)
    outcome = yield* byRequirement(withChain(requirement, candidate.chain), bundle, payload, about)
  }
  // Of what somebody else has signed nothing is believed.
  if (outcome._tag !== "Verified") return outcome
  const problem = yield* signedIdentityProblem(requirement.signedIdentity, reference, claims.reference)
  return problem === undefined ? outcome : rejected(problem)
})

const judgeBundle = Effect.fnUntraced(function* (
  text: string,
  requirement: Requirement,
  { digest, bytes }: SignedDocument,
  reference: Reference
): Effect.fn.Return<Outcome, Reason> {
  const { predicateType, signedIdentity } = requirement
  const bundle = yield* readBundle(() => JSON.parse(text))
  if (typeof bundle === "string") return rejected(bundle)
  const problem = yield* signedIdentityProblem(signedIdentity, reference, undefined)
  if (problem !== undefined) return rejected(problem)
  if (bundle.content.$case === "messageSignature") {
    if (predicateType !== undefined) return rejected("it is not a statement, and the rule wants one")
    const artifact = yield* bytes
    const { algorithm, digest: told } = bundle.content.messageSignature.messageDigest
    const hash = hashes.get(algorithm)
    if (hash === undefined) return rejected("its digest is by a hash that is not supported")
    if (!createHash(hash).update(artifact).digest().equals(told)) return rejected("it is of another image")
    return yield* byRequirement(requirement, bundle, artifact, { kind: "message-signature", digest })
  }
  const { payload, payloadType } = bundle.content.dsseEnvelope
  if (payloadType !== statementType) return rejected("its envelope has no statement (in-toto)")
  const statement = statementAbout(digest, payload)
  if (typeof statement === "string") return rejected(statement)
  if (predicateType !== undefined && predicateType !== statement.predicateType)
    return rejected(`its statement is of the type ${statement.predicateType}`)
  return yield* byRequirement(requirement, bundle, undefined, { kind: "dsse", digest, ...statement })
})

export const judge = (
  candidate: Candidate,
  requirement: Requirement,
  document: SignedDocument,
  reference: Reference
): Effect.Effect<Outcome, Reason> =>
  candidate._tag === "SimpleSigning"
    ? judgeSimpleSigning(candidate, requirement, document.digest, reference)
    : judgeBundle(candidate.text, requirement, document, reference)
