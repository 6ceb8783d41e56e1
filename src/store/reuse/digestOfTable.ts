/** The digest in the name of a tree that was made, and proven, by a layer's table of contents. */
import { createHash } from "node:crypto"

/**
 * Not the layer's: anybody can name another's layer in a manifest, with a table of their own. Nor the table's: a blob could be made
 * that is a layer and a table at once. No blob that can be extracted has this one.
 */
export const digestOfTable = (table: string): string =>
  `sha256:${createHash("sha256").update(`ociflow table of contents ${table}`).digest("hex")}`
