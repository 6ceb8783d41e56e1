import { codeOf } from "../../api/codeOf.ts"
import type { Limits } from "../../api/config.ts"
import { FileSystemFailed, isReason, LimitExceeded, printable } from "../../api/errors.ts"
import { decode } from "../Directory.ts"
import { atMost } from "../limits.ts"
import { type Refusal, unsafe } from "./cleanName.ts"

/** The entry that is being applied: all entries are counted here, and each is refused by its name. */
export class CurrentEntry {
  readonly refusal: Refusal
  /** Called for each entry, and for each step of what takes many: throws where the layer is not wanted any more. */
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

  /** One more, of the archive or implied by it. */
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

  /** What the system refuses as `FileSystemFailed`; everything else as it is. `directory`: the layer's root. */
  failure(error: unknown, directory: string): unknown {
    const code = codeOf(error)
    if (isReason(error) || code === "") return error
    // Of link and symlink, `dest` is what was to be made.
    const { syscall, path, dest } = error as { syscall?: unknown; path?: unknown; dest?: unknown }
    const named = dest ?? path
    return new FileSystemFailed({
      operation: typeof syscall === "string" ? syscall : "write",
      path: typeof named === "string" ? named : `${directory}/${decode(this.#path)}`,
      code
    })
  }
}
