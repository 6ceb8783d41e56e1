import type { Limits } from "../../../api/config.ts"
import { LimitExceeded, printable, UnsafeEntry } from "../../../api/errors.ts"
import { decode } from "../../Directory.ts"
import { atMost, componentsOf } from "../../limits.ts"

/** What an error about an entry of one layer needs. */
export interface Refusal {
  readonly digest: string
  readonly limits: Limits
}

/** Names that mean something else on Windows: streams, drives, devices, and endings that it drops. */
const windows = /[\\:*?"<>|\u0001-\u001f]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i

export const unsafe = (refusal: Refusal, path: string, problem: string) =>
  new UnsafeEntry({ digest: refusal.digest, path: decode(path), problem })

/**
 * The components of an archive's name, seen from the layer's root: a leading `/`, empty components and `.` are dropped,
 * and `..` removes one component and stops at the root. The root itself is the empty list. containerd and umoci read
 * names in the same way. Only the text is used, before any link is looked at.
 */
export const cleanName = (
  path: string,
  refusal: Refusal,
  platform: NodeJS.Platform = process.platform
): ReadonlyArray<string> => {
  const { limits } = refusal
  const subject = () => `layer ${refusal.digest}, entry ${JSON.stringify(printable(decode(path), 120))}`
  if (path.length > limits.pathBytes) {
    throw new LimitExceeded({ limit: "pathBytes", maximum: limits.pathBytes, unit: "bytes", subject: subject() })
  }
  if (path.includes("\0")) throw unsafe(refusal, path, "its name holds a NUL byte")
  const names: Array<string> = []
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue
    if (name === "..") names.pop()
    else names.push(name)
  }
  // Dropped components count too, since they have to be read.
  if (path.length > limits.depth) atMost(limits, "depth", componentsOf(path), subject)
  if (platform === "win32" && names.some((name) => windows.test(name))) {
    throw unsafe(refusal, path, "Windows would read its name as something else")
  }
  return names
}

/** The same for a link's target, which has a limit of its own. */
export const checkTarget = (target: string, path: string, refusal: Refusal): string => {
  if (target.length > refusal.limits.linkBytes) {
    const subject = `layer ${refusal.digest}, link target of ${JSON.stringify(printable(decode(path), 120))}`
    throw new LimitExceeded({ limit: "linkBytes", maximum: refusal.limits.linkBytes, unit: "bytes", subject })
  }
  if (target === "") throw unsafe(refusal, path, "a link without a target")
  if (target.includes("\0")) throw unsafe(refusal, path, "its link target holds a NUL byte")
  return target
}
