/** The bounds on what one layer may demand. */
import type { Limits } from "../api/config.ts"
import { LimitExceeded } from "../api/errors.ts"

const units: Record<keyof Limits, string> = {
  documentBytes: "bytes",
  inflateRatio: "bytes out per byte in",
  layerBytes: "bytes of uncompressed layer",
  fileBytes: "bytes of one file",
  entries: "entries",
  depth: "path components",
  pathBytes: "bytes of path",
  linkBytes: "bytes of link target",
  paxBytes: "bytes of extended header",
  listItems: "items",
  listPages: "pages",
  listBytes: "bytes"
}

/** Throws `LimitExceeded` where `value` passes the limit; the limit itself is allowed. */
export const atMost = (limits: Limits, limit: keyof Limits, value: number, subject: () => string): void => {
  if (value > limits[limit])
    throw new LimitExceeded({ limit, maximum: limits[limit], unit: units[limit], subject: subject() })
}
