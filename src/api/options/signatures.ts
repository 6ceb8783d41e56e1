/** The option `verify`: what it may be. Files and keys are read when an image is verified. */

import type {
  IdentityRequirement,
  KeyRequirement,
  SignatureDetails,
  SignatureFunction,
  SignatureOptions,
  SignaturePolicy,
  SignatureRequirement,
  SignatureRule,
  SignatureRules,
  SignedIdentity,
  TufOptions
} from "../signatures.ts"
import {
  choice,
  either,
  type Kind,
  list,
  object,
  oneOrMore,
  other,
  type Problem,
  path,
  type Table,
  text
} from "./Kind.ts"
import { component, tag } from "./referenceGrammar.ts"

const isText = (value: unknown): value is string => typeof value === "string"

const has = (value: unknown, key: string): boolean =>
  typeof value === "object" && value !== null && Reflect.get(value, key) !== undefined

const digest = "@(?:sha256:[a-f\\d]{64}|sha384:[a-f\\d]{96}|sha512:[a-f\\d]{128})"
const repositories = new RegExp(`^(?:(?:${component}/)*\\*|${component}(?:/${component})*(?::${tag}|${digest})?)$`)
const host = /^(?:localhost|[a-z\d-]*(?:\.[a-z\d-]+)+|[a-z\d.-]+:\d+|\[[\da-f:.]+\](?::\d+)?)$/i
const domain = /^\*(?:\.[a-z\d-]+)+(?::\d+)?$/i
/** A scope of files. Its path must be resolved: any other never matches. */
const files = /^(?:oci|docker-archive):(?:\/(?!\.{1,2}(?:\/|$))[^/:]+)*$/

/**
 * A scope must be a name that an image can have. A rule for another one would never count, and nobody would notice. The host is written
 * out, Docker Hub's too.
 */
const isScope = (value: string): boolean => {
  if (value === "*" || domain.test(value) || files.test(value)) return true
  const [registry = "", ...path] = value.split("/")
  return host.test(registry) && (path.length === 0 || repositories.test(path.join("/")))
}

const scope = text(
  "`host[/path][/*][:tag]`, `*.domain`, `*`, `oci:`, `docker-archive:`",
  "a registry's host with or without a path below it in lower case, *.domain, *, or oci: or docker-archive: with or without an absolute path",
  isScope
)

/** An empty expression is for everybody: a variable that was not set makes one. */
const isExpression = (value: unknown): boolean =>
  Object.prototype.toString.call(value) === "[object RegExp]" && (value as RegExp).source !== "(?:)"

const textOrExpression: Kind<string | RegExp> = other(
  "text, or an expression",
  "text, or a RegExp, and not empty",
  (value) => (isText(value) && value !== "") || isExpression(value)
)

/** A path, or the PEM itself. */
const key = text("path, or PEM", "a path of a PEM file, or PEM text", (value) => value !== "" && !value.includes("\0"))

const identityFields = {
  matchExact: [],
  matchRepoDigestOrExact: [],
  matchRepository: [],
  exactReference: ["dockerReference"],
  exactRepository: ["dockerRepository"],
  remapIdentity: ["prefix", "signedPrefix"]
} as const satisfies Record<SignedIdentity["type"], ReadonlyArray<string>>

/** Exactly the fields that its type has. */
export const isSignedIdentity = (value: unknown): value is SignedIdentity => {
  if (typeof value !== "object" || value === null || !("type" in value)) return false
  const { type, ...rest } = value as Readonly<Record<string, unknown>>
  if (!isText(type) || !Object.hasOwn(identityFields, type)) return false
  const fields: ReadonlyArray<string> = identityFields[type as SignedIdentity["type"]]
  return Object.keys(rest).length === fields.length && fields.every((it) => isText(rest[it]) && rest[it] !== "")
}

const details: Table<SignatureDetails> = {
  signedIdentity: {
    kind: other(
      "as in containers-policy.json(5)",
      "an object with type, as containers-policy.json(5) has it",
      isSignedIdentity
    ),
    default: "any",
    does: "the repository that the signature must name"
  },
  predicateType: { kind: text("address"), default: "any signature", does: "only statements of this type" }
}

const trustedRoot = { kind: path, default: "none", does: "file with the trusted root (JSON)" }

export const keyRequirement: Table<KeyRequirement> = {
  key: {
    kind: oneOrMore(key, "paths, or PEM", "a path of a PEM file, or PEM text"),
    default: "",
    does: "public keys: ECDSA P-256 and P-384, RSA, Ed25519"
  },
  trustedRoot: {
    ...trustedRoot,
    does: "a trusted root (JSON); with it, the signature must be in a transparency log of that root"
  },
  ...details
}

const tufOptions: Table<TufOptions> = {
  mirrorUrl: { kind: text("address"), default: "Sigstore's", does: "address of the repository" },
  root: { kind: path, default: "Sigstore's", does: "file with the first `root.json`" },
  cache: { kind: path, default: "that of `@sigstore/tuf`", does: "directory for what was downloaded" }
}

export const identityRequirement: Table<IdentityRequirement> = {
  issuer: { kind: textOrExpression, default: "", does: "who vouched for the identity" },
  identity: { kind: textOrExpression, default: "", does: "who signed: an email address or a workflow's URI" },
  trustedRoot: { ...trustedRoot, default: "none; required, unless `tuf` is given" },
  tuf: {
    kind: either(
      other<true>("`true`", "true", (value) => value === true),
      (value) => value === true,
      object<TufOptions>(tufOptions, "`mirrorUrl`, `root`, `cache`"),
      "true, or an object with mirrorUrl, root and cache"
    ),
    default: "no",
    does: "get the trusted root by TUF"
  },
  ...details
}

const byKey = object<KeyRequirement>(keyRequirement, "key", "key")
const byIdentity = object<IdentityRequirement>(identityRequirement, "identity", "issuer", "identity")

const requirement: Kind<SignatureRequirement> = {
  form: "object",
  values: "requirements",
  check: (option, value) => {
    if (has(value, "key")) return byKey.check(option, value)
    const problems = byIdentity.check(option, value)
    if (problems.length > 0 || has(value, "trustedRoot") !== has(value, "tuf")) return problems
    return [{ option, problem: "must have either trustedRoot or tuf" }]
  }
}

const someOf = (option: string, value: unknown): ReadonlyArray<Problem> =>
  Array.isArray(value) && value.length === 0
    ? [{ option, problem: "must have a requirement" }]
    : list(requirement, "requirements").check(option, value)

const requirements: Kind<ReadonlyArray<SignatureRequirement>> = {
  ...list(requirement, "[requirements](#signature-requirements)"),
  check: someOf
}

export const ruleOptions: Table<SignatureRule> = {
  scope: { kind: scope, default: "", does: "the images that the rule is for; the most specific scope counts" },
  any: { kind: requirements, default: "none", does: "one of these signatures is enough" },
  all: { kind: requirements, default: "none", does: "each of these signatures must be there" },
  always: {
    kind: choice("accept", "refuse"),
    default: "none",
    does: "no signature is looked at"
  }
}

const ruleObject = object<SignatureRule>(ruleOptions, "[rules](#signature-rules)", "scope")

const rule: Kind<SignatureRule> = {
  ...ruleObject,
  check: (option, value) => {
    const problems = ruleObject.check(option, value)
    if (problems.length > 0) return problems
    return ["any", "all", "always"].filter((it) => has(value, it)).length === 1
      ? []
      : [{ option, problem: "must have exactly one of any, all and always" }]
  }
}

const rules = list(rule, "rules", "[rules](#signature-rules)")

export const rulesOptions: Table<SignatureRules> = {
  rules: {
    kind: {
      ...rules,
      check: (option, value) => {
        const problems = rules.check(option, value)
        if (problems.length > 0) return problems
        const scopes = (value as ReadonlyArray<SignatureRule>).map((it) => it.scope.toLowerCase())
        const twice = scopes.findIndex((it, at) => scopes.indexOf(it) !== at)
        return twice < 0 ? [] : [{ option: `${option}[${twice}].scope`, problem: "is that of another rule" }]
      }
    },
    default: "",
    does: "who must have signed which images"
  },
  otherwise: {
    kind: choice("accept", "refuse"),
    default: "`refuse`",
    does: "what happens to an image of a registry that no rule is for; a file that no rule is for is refused"
  }
}

const policyOptions: Table<SignaturePolicy> = {
  policyFile: { kind: path, default: "", does: "a policy of podman and skopeo, containers-policy.json(5)" },
  trustedRoot: { ...trustedRoot, does: "a trusted root (JSON), for the keys of certificate logs" }
}

const byRules = object<SignatureRules>(rulesOptions, "rules", "rules")
const byPolicy = object<SignaturePolicy>(policyOptions, "`policyFile`, `trustedRoot`", "policyFile")
const byFunction = other<SignatureFunction>("a function", "a function", (value) => typeof value === "function")

export const signatures: Kind<SignatureOptions> = {
  form: "other",
  values: "[rules](#signature-options), a policy, or a function",
  check: (option, value) => {
    if (byFunction.check(option, value).length === 0) return []
    return (has(value, "policyFile") ? byPolicy : byRules).check(option, value)
  }
}
