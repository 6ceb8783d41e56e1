/** The bounds on what one layer may demand. */
import type { Limits } from "../api/config.ts"
import { LimitExceeded } from "../api/errors.ts"

const units: Record<keyof Limits, string> = {
  documentBytes: "bytes",
  layers: "layers",
  inflateRatio: "bytes out per byte in",
  blobBytes: "bytes of blob",
  layerBytes: "bytes of uncompressed layer",
  fileBytes: "bytes of one file",
  entries: "entries",
  depth: "path components",
  pathBytes: "bytes of path",
  linkBytes: "bytes of link target",
  paxBytes: "bytes of extended header",
  bodyBytes: "bytes of a body in memory",
  pendingBytes: "bytes of hard links that wait for their targets",
  tableBytes: "bytes of a table of contents",
  treeBytes: "bytes of names and facts of entries",
  artifactBytes: "bytes of files",
  listItems: "items",
  listPages: "pages",
  listBytes: "bytes",
  signatures: "signatures"
}

/** Throws `LimitExceeded` where `value` passes the limit; the limit itself is allowed. */
export const atMost = (limits: Limits, limit: keyof Limits, value: number, subject: () => string): void => {
  if (value > limits[limit])
    throw new LimitExceeded({ limit, maximum: limits[limit], unit: units[limit], subject: subject() })
}

/** Components of a name: empty ones and `.` among them, but not for a slash, or `./`, at its beginning or a slash at its end. */
export const componentsOf = (path: string): number => {
  let count = 1
  const start = path.startsWith("/") ? 1 : path.startsWith("./") ? 2 : 0
  for (let at = path.indexOf("/", start); at !== -1 && at < path.length - 1; at = path.indexOf("/", at + 1)) count += 1
  return count
}
