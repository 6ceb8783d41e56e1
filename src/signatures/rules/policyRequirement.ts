/** One requirement of a policy, containers-policy.json(5), "Policy Requirements". What is unknown in it makes the policy invalid. */
import { isSignedIdentity } from "../../api/options/signatures.ts"
import type { SignedIdentity } from "../../api/signatures.ts"
import type { Requirement, Rule, TrustFile } from "./Rule.ts"

type Fields = Readonly<Record<string, unknown>>

/** In the words of an error. */
export class InvalidPolicy extends Error {}

export const fieldsOf = (value: unknown, what: string): Fields => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InvalidPolicy(`${what} is not an object`)
  return value as Fields
}

const textOf = (value: unknown, what: string): string => {
  if (typeof value !== "string" || value === "") throw new InvalidPolicy(`${what} must be text`)
  return value
}

const textsOf = (value: unknown, what: string): ReadonlyArray<string> => {
  if (!Array.isArray(value) || value.length === 0) throw new InvalidPolicy(`${what} must be a list of texts`)
  return value.map((it) => textOf(it, what))
}

const onlyFields = (fields: Fields, known: ReadonlyArray<string>, what: string) => {
  const unknown = Object.keys(fields).find((it) => !known.includes(it))
  if (unknown !== undefined)
    throw new InvalidPolicy(`${what} has the unknown field ${JSON.stringify(unknown.slice(0, 50))}`)
}

const at = (path: string): TrustFile => ({ name: path, path })
const inline =
  (what: string) =>
  (data: string): TrustFile => ({
    name: `${what} of the policy`,
    content: Buffer.from(data, "base64").toString()
  })

/** `nameData`, `nameDatas`, `namePath` or `namePaths`: at most one of them. */
const filesOf = (fields: Fields, name: string): ReadonlyArray<TrustFile> => {
  const given = [`${name}Path`, `${name}Paths`, `${name}Data`, `${name}Datas`].filter((it) => fields[it] !== undefined)
  if (given.length > 1) throw new InvalidPolicy(`${given.join(" and ")} exclude each other`)
  const [field] = given
  if (field === undefined) return []
  const values = field.endsWith("s") ? textsOf(fields[field], field) : [textOf(fields[field], field)]
  return values.map(/Datas?$/.test(field) ? inline(field) : at)
}

const names = (name: string) => [`${name}Path`, `${name}Paths`, `${name}Data`, `${name}Datas`]

const defaultIdentity: SignedIdentity = { type: "matchRepoDigestOrExact" }

const identityOf = (given: unknown): SignedIdentity => {
  if (given === undefined) return defaultIdentity
  if (!isSignedIdentity(given)) throw new InvalidPolicy("signedIdentity has a type or a field that is unknown")
  return given
}

const sigstoreSigned = (fields: Fields): Requirement | string => {
  if (fields.pki !== undefined) return "sigstoreSigned with `pki` in a policy"
  onlyFields(
    fields,
    ["type", "fulcio", "signedIdentity", ...names("key"), ...names("rekorPublicKey")],
    "sigstoreSigned"
  )
  const signedIdentity = identityOf(fields.signedIdentity)
  const keys = filesOf(fields, "key")
  const logKeys = filesOf(fields, "rekorPublicKey")
  const parts = (authorities: ReadonlyArray<TrustFile>) => ({ _tag: "Parts", parts: { authorities, logKeys } }) as const
  if (keys.length > 0 === (fields.fulcio !== undefined))
    throw new InvalidPolicy("sigstoreSigned must have either a key or fulcio")
  if (keys.length > 0)
    return { _tag: "Keys", keys, signedIdentity, ...(logKeys.length === 0 ? {} : { root: parts([]) }) }
  const fulcio = fieldsOf(fields.fulcio, "fulcio")
  onlyFields(fulcio, ["caPath", "caData", "oidcIssuer", "subjectEmail"], "fulcio")
  const authorities = filesOf(fulcio, "ca")
  if (authorities.length === 0) throw new InvalidPolicy("fulcio must have caPath or caData")
  if (logKeys.length === 0) throw new InvalidPolicy("fulcio needs a rekorPublicKey")
  const issuer = textOf(fulcio.oidcIssuer, "oidcIssuer")
  return {
    _tag: "Identity",
    issuer,
    identity: textOf(fulcio.subjectEmail, "subjectEmail"),
    root: parts(authorities),
    signedIdentity
  }
}

/** The requirement; or, as text, the feature that it needs and ociflow does not have; or what it decides for every image. */
const requirementOf = (value: unknown): Requirement | string | "accept" | "refuse" => {
  const fields = fieldsOf(value, "a requirement")
  switch (fields.type) {
    case "insecureAcceptAnything":
      onlyFields(fields, ["type"], "insecureAcceptAnything")
      return "accept"
    case "reject":
      onlyFields(fields, ["type"], "reject")
      return "refuse"
    case "signedBy":
      return "signedBy (GPG) in a policy"
    case "signedBaseLayer":
      return "signedBaseLayer in a policy"
    case "sigstoreSigned":
      return sigstoreSigned(fields)
    default:
      throw new InvalidPolicy("a requirement has a type that is unknown")
  }
}

/** All of them must hold. Throws `InvalidPolicy`. */
export const ruleOf = (requirements: unknown, what: string): Rule => {
  if (!Array.isArray(requirements) || requirements.length === 0)
    throw new InvalidPolicy(`${what} must be a list of requirements, and not empty`)
  const all = requirements.map(requirementOf)
  if (all.includes("refuse")) return { _tag: "Refuse", problem: "the policy rejects each image of this scope" }
  const missing = all.find((it) => typeof it === "string" && it !== "accept")
  if (typeof missing === "string") return { _tag: "NotImplemented", feature: missing }
  const signed = all.filter((it): it is Requirement => typeof it !== "string")
  return signed.length === 0 ? { _tag: "Accept" } : { _tag: "Signed", mode: "all", requirements: signed }
}
