/** What a fingerprint is taken of; `owners` has all of `plain` and owners and modes. */
export type Facts = "plain" | "owners"

/** Part of a fingerprint: one that was taken of other facts is compared with none of these. */
export const kinds: Readonly<Record<Facts, string>> = { plain: "tree1", owners: "tree1-owners" }

/** Of what a fingerprint was taken; `undefined` where this version does not know. */
export const factsOf = (fingerprint: string): Facts | undefined => {
  const kind = fingerprint.slice(0, fingerprint.indexOf(":"))
  return kind === kinds.plain ? "plain" : kind === kinds.owners ? "owners" : undefined
}
