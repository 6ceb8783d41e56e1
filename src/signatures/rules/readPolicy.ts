/** The rules of podman and skopeo, containers-policy.json(5). What is unknown in the file makes it invalid, and then nothing is accepted. */
import * as Effect from "effect/Effect"
import { printable, TrustUnavailable } from "../../api/errors.ts"
import type { SignaturePolicy } from "../../api/signatures.ts"
import { readTrust } from "../check/readTrust.ts"
import { fieldsOf, InvalidPolicy, ruleOf } from "./policyRequirement.ts"
import type { Rule, Rules } from "./Rule.ts"
import { anyRegistry, normalizeScope } from "./scopes.ts"

type Lists = Readonly<Record<string, unknown>>

/** Of two transports that are one here, an image may come from either: what both ask for must hold. */
const together = (one: unknown, other: unknown): unknown =>
  Array.isArray(one) && Array.isArray(other) ? [...one, ...other] : one

const ofRegistries = (scopes: Lists, otherwise: Rule): ReadonlyArray<readonly [string, Rule]> => [
  [anyRegistry, otherwise],
  ...Object.entries(scopes).map(([scope, list]): readonly [string, Rule] => {
    if (scope.replace(/^\*\./, "").includes("*"))
      throw new InvalidPolicy(`the scope ${printable(scope, 100)} is invalid`)
    const rule = ruleOf(list, `the list of ${printable(scope, 100)}`)
    return [scope === "" ? anyRegistry : normalizeScope(scope), rule]
  })
]

const ofFiles = (transport: string, scopes: Lists, fallback: unknown): ReadonlyArray<readonly [string, Rule]> =>
  Object.entries({ "": fallback, ...scopes }).map(([scope, list]) => [
    `${transport}:${scope}`,
    ruleOf(list, `the list of ${printable(scope, 100)}`)
  ])

const compile = (json: unknown): Rules => {
  const policy = fieldsOf(json, "the policy")
  const unknown = Object.keys(policy).find((it) => it !== "default" && it !== "transports")
  if (unknown !== undefined) throw new InvalidPolicy(`the policy has the unknown field ${printable(unknown, 50)}`)
  const otherwise = ruleOf(policy.default, "default")
  const transports = policy.transports === undefined ? {} : fieldsOf(policy.transports, "transports")
  const scopesOf = (transport: string): Lists => {
    const scopes = transports[transport]
    return scopes === undefined ? {} : fieldsOf(scopes, `the transport ${printable(transport, 50)}`)
  }
  // Those of transports that are none here must make sense too.
  for (const transport of Object.keys(transports))
    for (const [scope, list] of Object.entries(scopesOf(transport)))
      ruleOf(list, `the list of ${printable(scope, 100)}`)
  const [oci, archive] = [scopesOf("oci"), scopesOf("oci-archive")]
  const paths = new Set(["", ...Object.keys(oci), ...Object.keys(archive)])
  const nearest = (scopes: Lists, path: string) => scopes[path] ?? scopes[""] ?? policy.default
  const either = Object.fromEntries(
    [...paths].map((path) => [path, together(nearest(oci, path), nearest(archive, path))])
  )
  return new Map([
    ...ofRegistries(scopesOf("docker"), otherwise),
    ...ofFiles("docker-archive", scopesOf("docker-archive"), policy.default),
    ...ofFiles("oci", either, policy.default)
  ])
}

/** `trustedRoot`: whose certificate logs count for each requirement. */
const withLogs = (rule: Rule, trustedRoot: string | undefined): Rule => {
  if (rule._tag !== "Signed" || trustedRoot === undefined) return rule
  const certificateLogs = { name: trustedRoot, path: trustedRoot }
  return {
    ...rule,
    requirements: rule.requirements.map((it) =>
      it._tag === "Identity" && it.root._tag === "Parts"
        ? { ...it, root: { ...it.root, parts: { ...it.root.parts, certificateLogs } } }
        : it
    )
  }
}

export const readPolicy = Effect.fnUntraced(function* ({
  policyFile: path,
  trustedRoot
}: SignaturePolicy): Effect.fn.Return<Rules, TrustUnavailable> {
  const text = yield* readTrust({ name: path, path })
  return yield* Effect.try({
    try: (): Rules =>
      new Map([...compile(JSON.parse(text))].map(([scope, rule]) => [scope, withLogs(rule, trustedRoot)])),
    catch: (cause) =>
      new TrustUnavailable({
        source: path,
        problem: cause instanceof InvalidPolicy ? cause.message : "it is no JSON",
        cause
      })
  })
})
