/** Flags for whose signatures an image must have, and the option `verify` that they stand for. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { InvalidOption, PullError } from "../../../api/errors.ts"
import type { SignatureOptions } from "../../../api/signatures.ts"
import { text } from "../flags.ts"

const file = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

/** `prefix`: of the flags of a command that does something else as well. */
export const signatureFlags = <const Prefix extends string>(prefix: Prefix) => ({
  keys: file(`${prefix}key`, "FILE", "Public key (PEM) that must have signed the image; one of several is enough"),
  identity: text(`${prefix}identity`, "NAME", "Who must have signed: an email address or a workflow's URI, in full"),
  identityExpression: text(`${prefix}identity-regexp`, "REGEXP", "The same, as an expression: anchor it with ^ and $"),
  issuer: text(`${prefix}issuer`, "URL", "Who must vouch for the identity"),
  trustedRoot: text("trusted-root", "FILE", "Trusted root (JSON) for identities (default: Sigstore's, by TUF)"),
  policyFile: text("policy-file", "FILE", "Policy of podman and skopeo, containers-policy.json(5)")
})

export interface SignatureFlags {
  readonly keys: ReadonlyArray<string>
  readonly identity: string | undefined
  readonly identityExpression: string | undefined
  readonly issuer: string | undefined
  readonly trustedRoot: string | undefined
  readonly policyFile: string | undefined
}

const refuse = (option: string, problem: string) =>
  Effect.fail(new PullError({ reference: "(verify)", reason: new InvalidOption({ option, problem }) }))

const expressionOf = (text: string) =>
  Effect.try({ try: () => new RegExp(text), catch: () => undefined }).pipe(
    Effect.catch(() => refuse("--identity-regexp", "must be an expression of JavaScript"))
  )

/** `undefined` where no flag is given. What is given together must make sense together. */
export const verifyOf = Effect.fnUntraced(function* (
  given: SignatureFlags
): Effect.fn.Return<SignatureOptions | undefined, PullError> {
  const { keys, identity, identityExpression, issuer, trustedRoot, policyFile } = given
  const byIdentity = [identity, identityExpression, issuer].some((it) => it !== undefined)
  const kinds = [keys.length > 0, byIdentity, policyFile !== undefined].filter(Boolean).length
  if (kinds > 1) return yield* refuse("--policy-file", "a key and an identity exclude each other")
  if (trustedRoot !== undefined && kinds === 0)
    return yield* refuse("--trusted-root", "is for a key, an identity or a policy")
  if (policyFile !== undefined) return { policyFile, ...(trustedRoot === undefined ? {} : { trustedRoot }) }
  const of = (requirement: object): SignatureOptions =>
    ({ rules: [{ scope: "*", any: [requirement] }] }) as SignatureOptions
  const root = trustedRoot === undefined ? {} : { trustedRoot }
  if (keys.length > 0) return of({ key: keys, ...root })
  if (!byIdentity) return undefined
  if (issuer === undefined) return yield* refuse("--issuer", "is needed with an identity")
  if ((identity === undefined) === (identityExpression === undefined))
    return yield* refuse("--identity", "is needed with an issuer, or --identity-regexp")
  const name = identity ?? (yield* expressionOf(identityExpression ?? ""))
  return of({ issuer, identity: name, ...(trustedRoot === undefined ? { tuf: true } : root) })
})
