import { codeOf } from "../../../api/codeOf.ts"
import type { Limits } from "../../../api/config.ts"
import { FileSystemFailed, isReason, LimitExceeded, printable } from "../../../api/errors.ts"
import { decode } from "../../Directory.ts"
import { atMost } from "../../limits.ts"
import { type Refusal, unsafe } from "./cleanName.ts"

/** The entry being applied. Counts all entries, and names the current one in errors. */
export class CurrentEntry {
  readonly refusal: Refusal
  /** Called for each entry, and for each step of long work; throws if the layer is no longer wanted. */
  readonly look: () => void
  #path = ""
  /** Entries, and directories that they only imply. */
  #made = 0

  constructor(refusal: Refusal, look: () => void) {
    this.refusal = refusal
    this.look = look
  }

  /** `path`: as the archive has it, a binary string. */
  begin(path: string): void {
    this.#path = path
    this.count()
  }

  /** Counts one more entry, in the archive or implied by it. */
  count(): void {
    this.look()
    const { limits, digest } = this.refusal
    atMost(limits, "entries", ++this.#made, () => `layer ${digest}`)
  }

  readonly refuse = (problem: string): Error => unsafe(this.refusal, this.#path, problem)

  exceeds(limit: keyof Limits, unit: string, what: "entry" | "file"): LimitExceeded {
    const { limits, digest } = this.refusal
    const subject = `layer ${digest}, ${what} ${JSON.stringify(printable(decode(this.#path), 120))}`
    return new LimitExceeded({ limit, maximum: limits[limit], unit, subject })
  }

  /** A system error as `FileSystemFailed`; anything else as it is. `directory`: the layer's root. */
  failure(error: unknown, directory: string): unknown {
    const code = codeOf(error)
    if (isReason(error) || code === "") return error
    // For link and symlink, `dest` is what was to be created.
    const { syscall, path, dest } = error as { syscall?: unknown; path?: unknown; dest?: unknown }
    const named = dest ?? path
    return new FileSystemFailed({
      operation: typeof syscall === "string" ? syscall : "write",
      path: typeof named === "string" ? named : `${directory}/${decode(this.#path)}`,
      code
    })
  }
}
