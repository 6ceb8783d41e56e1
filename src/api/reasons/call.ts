/** What a caller gave: references, options, credentials, and what ociflow does not have. */
import { printable, withoutUserInfo } from "../printable.ts"
import { taggedError } from "../taggedError.ts"

/** Addresses of this machine, for which plain HTTP needs no option. */
const loopback = /^(?:localhost|127\.|\[::1\])/

/** The text is not an image reference. `problem` names the rule it breaks. */
export class InvalidReference extends taggedError("InvalidReference")<{
  /** Without a password that an address had. */
  readonly input: string
  readonly problem: string
  /** What was probably meant. */
  readonly suggestion?: string
}> {
  readonly isRetryable = false
  constructor(fields: { readonly input: string; readonly problem: string; readonly suggestion?: string }) {
    // Plain JavaScript may give anything.
    super({ ...fields, input: withoutUserInfo(String(fields.input ?? "")) })
  }
  override get message() {
    return `invalid image reference ${JSON.stringify(printable(this.input))}: ${this.problem}`
  }
  get advice() {
    const { input, suggestion } = this
    if (suggestion !== undefined) {
      const plain = /^http:/i.test(input.trim()) && !loopback.test(suggestion)
      return `Write ${printable(suggestion)} instead${plain ? ", with `plainHttp`" : ""}.`
    }
    return "Write it as [registry[:port]/]repository[:tag][@algorithm:hex], all lower case before the tag."
  }
}

/** A feature that ociflow knows of but does not have. */
export class NotImplemented extends taggedError("NotImplemented")<{ readonly feature: string }> {
  readonly isRetryable = false
  override get message() {
    return `feature not yet implemented: ${this.feature}`
  }
  get advice() {
    if (!/\bgroup\b/i.test(this.feature)) return "Do without it, or ask for it with a report of your case."
    return "Pull each image by its own reference instead."
  }
}

/** An option is unknown, or has a value that cannot be used. */
export class InvalidOption extends taggedError("InvalidOption")<{
  /** The option's path, such as `timeouts.idle` or `hosts["r.test"].mirrors[0].url`; `options` stands for the whole object. */
  readonly option: string
  /** What is said after the option's name, such as `must be true or false`. Never the value. */
  readonly problem: string
  /** For an unknown option: the known ones, and the one that was probably meant. */
  readonly known?: ReadonlyArray<string>
  readonly suggestion?: string
}> {
  readonly isRetryable = false
  override get message() {
    const { option, problem, known, suggestion } = this
    if (known === undefined) return option === "options" ? `the options ${problem}` : `option \`${option}\` ${problem}`
    return `unknown option \`${option}\`${suggestion === undefined ? "" : `; did you mean \`${suggestion}\`?`}`
  }
  get advice() {
    if (this.known === undefined) return "Correct it; docs/configuration.md describes every option."
    return this.known.length === 0
      ? "Leave it out: this function has no options."
      : `Known options: ${this.known.join(", ")}.`
  }
}

/** The function given as the option `credentials` failed. What it threw is the `cause`. The message does not repeat it, since it may contain a secret. */
export class CredentialsUnavailable extends taggedError("CredentialsUnavailable")<{
  readonly registry: string
  readonly cause?: unknown
}> {
  readonly isRetryable = false
  override get message() {
    return `no credentials for ${printable(this.registry)}: the function given for them failed`
  }
  get advice() {
    return "See the cause, which is what the function threw. If it has no credentials for a registry, it should return undefined."
  }
}

/** A file or directory cannot be used as the source of an image: it is missing, broken, or of another kind. */
export class InvalidSource extends taggedError("InvalidSource")<{
  readonly source: string
  readonly problem: string
}> {
  readonly isRetryable = false
  override get message() {
    return `cannot pull from ${printable(this.source)}: ${printable(this.problem, 1000)}`
  }
  get advice() {
    return "Check the path. oci: takes an OCI layout (a directory or a tar file), docker-archive: a file written by docker save."
  }
}

/** The call took longer than `timeouts.total`. Milliseconds. */
export class DeadlineExceeded extends taggedError("DeadlineExceeded")<{ readonly millis: number }> {
  readonly isRetryable = true
  override get message() {
    return `not finished within ${this.millis} ms (timeouts.total)`
  }
  get advice() {
    return "Pull again: complete layers are kept and downloads continue where they stopped. Or raise `timeouts.total`."
  }
}

/** A module of ociflow or of a dependency is missing: it was not installed, or a bundler left it out. */
export class ModuleMissing extends taggedError("ModuleMissing")<{ readonly module: string; readonly problem: string }> {
  readonly isRetryable = false
  override get message() {
    return `${this.module} cannot be loaded: ${printable(this.problem)}`
  }
  get advice() {
    return "Install the package and its dependencies again. If the program is bundled, keep them outside of the bundle."
  }
}
