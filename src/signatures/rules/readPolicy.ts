/** The rules of podman and skopeo, containers-policy.json(5). What is unknown in the file makes it invalid, and then nothing is accepted. */
import { dirname, posix } from "node:path"
import * as Effect from "effect/Effect"
import { printable, TrustUnavailable } from "../../api/errors.ts"
import type { SignaturePolicy } from "../../api/signatures.ts"
import { dockerHub } from "../../image/reference/registryName.ts"
import { readTrust } from "../check/readTrust.ts"
import { fieldsOf, InvalidPolicy, ruleOf } from "./policyRequirement.ts"
import type { Rule, Rules } from "./Rule.ts"
import { repeatedKey } from "./repeatedKey.ts"
import { anyRegistry, normalizeScope } from "./scopes.ts"

type Lists = Readonly<Record<string, unknown>>

/** Joins the requirements of two transports that are one here, or of two names of one registry: both must hold. */
const together = (one: unknown, other: unknown): unknown =>
  Array.isArray(one) && Array.isArray(other) ? [...one, ...other] : one

/**
 * `docker.io/alpine` is an official image here. podman knows it as `docker.io/library/alpine` only, and takes the scope for a name space:
 * what counts there must hold as well.
 */
const addOfficial = (lists: Map<string, unknown>): void => {
  for (const [scope, list] of [...lists]) {
    const [, name, suffix = ""] = /^docker\.io\/([^/:@]+)([:@].*)?$/.exec(scope) ?? []
    if (name === undefined || name === "library") continue
    const official = `${dockerHub}/library/${name}`
    const above = [official + suffix, official, `${dockerHub}/library`, dockerHub, "*.io", anyRegistry]
    const both = together(list, lists.get(above.find((it) => lists.has(it)) ?? anyRegistry))
    if (suffix !== "") lists.set(scope, both)
    else if (!lists.has(official)) lists.set(official, both)
  }
}

const ofRegistries = (scopes: Lists, fallback: unknown): ReadonlyArray<readonly [string, Rule]> => {
  const byName = new Map<string, unknown>()
  for (const [scope, list] of Object.entries(scopes)) {
    if (scope.replace(/^\*\./, "").includes("*"))
      throw new InvalidPolicy(`the scope ${printable(scope, 100)} is invalid`)
    const name = scope === "" ? anyRegistry : normalizeScope(scope)
    byName.set(name, byName.has(name) ? together(byName.get(name), list) : list)
  }
  if (!byName.has(anyRegistry)) byName.set(anyRegistry, fallback)
  addOfficial(byName)
  return [...byName].map(([name, list]) => [name, ruleOf(list, `the list of ${printable(name, 100)}`)])
}

/** Another path never matches, and podman takes a policy with one for invalid. */
const isCanonical = (path: string) => path.startsWith("/") && path !== "/" && posix.resolve(path) === path

const ofFiles = (transport: string, scopes: Lists, fallback: unknown): ReadonlyArray<readonly [string, Rule]> =>
  Object.entries({ "": fallback, ...scopes }).map(([scope, list]) => {
    if (scope !== "" && !isCanonical(scope))
      throw new InvalidPolicy(`the scope ${printable(scope, 100)} of ${transport} is invalid`)
    return [`${transport}:${scope}`, ruleOf(list, `the list of ${printable(scope, 100)}`)]
  })

/** What counts for a path: its own list, or that of the directory above. */
const nearest = (scopes: Lists, path: string, fallback: unknown): unknown => {
  if (Object.hasOwn(scopes, path)) return scopes[path]
  if (path === "") return fallback
  return nearest(scopes, dirname(path) === path ? "" : dirname(path), fallback)
}

const compile = (text: string): Rules => {
  const json: unknown = JSON.parse(text)
  const twice = repeatedKey(text)
  if (twice !== undefined) throw new InvalidPolicy(`the field ${printable(twice, 100)} is there twice`)
  const policy = fieldsOf(json, "the policy")
  const unknown = Object.keys(policy).find((it) => it !== "default" && it !== "transports")
  if (unknown !== undefined) throw new InvalidPolicy(`the policy has the unknown field ${printable(unknown, 50)}`)
  ruleOf(policy.default, "default")
  const transports = policy.transports === undefined ? {} : fieldsOf(policy.transports, "transports")
  const scopesOf = (transport: string): Lists => {
    const scopes = transports[transport]
    return scopes === undefined ? {} : fieldsOf(scopes, `the transport ${printable(transport, 50)}`)
  }
  // Rules of transports that ociflow does not have must be valid, too.
  for (const transport of Object.keys(transports))
    for (const [scope, list] of Object.entries(scopesOf(transport)))
      ruleOf(list, `the list of ${printable(scope, 100)}`)
  const [oci, archive] = [scopesOf("oci"), scopesOf("oci-archive")]
  const paths = new Set(["", ...Object.keys(oci), ...Object.keys(archive)])
  const either = Object.fromEntries(
    [...paths].map((path) => [
      path,
      together(nearest(oci, path, policy.default), nearest(archive, path, policy.default))
    ])
  )
  return new Map([
    ...ofRegistries(scopesOf("docker"), policy.default),
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
    try: (): Rules => new Map([...compile(text)].map(([scope, rule]) => [scope, withLogs(rule, trustedRoot)])),
    catch: (cause) =>
      new TrustUnavailable({
        source: path,
        problem: cause instanceof InvalidPolicy ? cause.message : "it is not JSON",
        cause
      })
  })
})
