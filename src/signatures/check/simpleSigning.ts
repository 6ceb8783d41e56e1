/** What the payload of a signature says (containers-signature(5), "JSON data format"; cosign, specs/SIGNATURE_SPEC.md). */
import { isObject } from "../../image/json/isObject.ts"

export interface Claims {
  readonly digest: string
  /** The repository, with a tag or without. */
  readonly reference: string
}

const typeOfCosign = "cosign container image signature"

/** `undefined` where it is not such a payload: each field is there, and within `critical` no other. */
export const claimsOf = (payload: Uint8Array): Claims | undefined => {
  let json: unknown
  try {
    json = JSON.parse(Buffer.from(payload).toString())
  } catch {
    return undefined
  }
  if (!isObject(json) || !isObject(json.critical)) return undefined
  const { type, image, identity, ...others } = json.critical
  if (type !== typeOfCosign || !isObject(image) || !isObject(identity) || Object.keys(others).length > 0)
    return undefined
  const digest = image["docker-manifest-digest"]
  const reference = identity["docker-reference"]
  return typeof digest === "string" && typeof reference === "string" ? { digest, reference } : undefined
}
