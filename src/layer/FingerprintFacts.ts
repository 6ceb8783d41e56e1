/** What a fingerprint is taken of; `owners` has all of `plain` and owners and modes. */
export type FingerprintFacts = "plain" | "owners"

/** Part of a fingerprint: one that was taken of other facts is compared with none of these. */
export const fingerprintPrefixes: Readonly<Record<FingerprintFacts, string>> = {
  plain: "tree1",
  owners: "tree1-owners"
}

/** The facts that a fingerprint was computed from; `undefined` if this version does not know them. */
export const fingerprintFactsOf = (fingerprint: string): FingerprintFacts | undefined => {
  const kind = fingerprint.slice(0, fingerprint.indexOf(":"))
  return kind === fingerprintPrefixes.plain ? "plain" : kind === fingerprintPrefixes.owners ? "owners" : undefined
}
