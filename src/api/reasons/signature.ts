/** Whether an image has the signatures that the option `verify` asks for. */
import { printable } from "../printable.ts"
import { taggedError } from "../taggedError.ts"

/** The image has no signature at all. One that failed is `SignatureRejected`; one that could not be had is an error of its own. */
export class Unsigned extends taggedError("Unsigned")<{
  /** What the reference names. */
  readonly digest: string
  /** The scope of the rule that asks for a signature. */
  readonly scope: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.digest} is not signed, and the rule for ${printable(this.scope)} asks for a signature`
  }
  get advice() {
    return "Sign the image, or accept it with a rule of its own. Nothing of its layers was downloaded."
  }
}

/** Each signature failed, or a rule refuses the image whatever its signatures are. `failures`: which one failed which check. */
export class SignatureRejected extends taggedError("SignatureRejected")<{
  readonly digest: string
  readonly scope: string
  readonly failures: ReadonlyArray<string>
}> {
  readonly isRetryable = false
  override get message() {
    const failures = this.failures.map((it) => printable(it)).join("; ")
    return `${this.digest} is refused by the rule for ${printable(this.scope)}: ${failures}`
  }
  get advice() {
    return "Do not use the image before you know why. If it should be trusted, correct the rule."
  }
}

/** The signature is valid, and somebody else made it. */
export class IdentityMismatch extends taggedError("IdentityMismatch")<{
  readonly digest: string
  readonly wanted: string
  readonly found: ReadonlyArray<string>
}> {
  readonly isRetryable = false
  override get message() {
    const found = this.found.map((it) => printable(it)).join("; ")
    return `${this.digest} was signed by ${found}, and the rule wants ${printable(this.wanted)}`
  }
  get advice() {
    return "Check who should have signed the image. If the signer is right, correct the identity or the issuer of the rule."
  }
}

/** What signatures are checked with could not be had: a key, a trusted root, a policy, a package. It says nothing about the image. */
export class TrustUnavailable extends taggedError("TrustUnavailable")<{
  /** What it is: a path, TUF, or a package. */
  readonly source: string
  readonly problem: string
  readonly cause?: unknown
}> {
  readonly isRetryable = false
  override get message() {
    return `cannot verify signatures: ${printable(this.source)}: ${printable(this.problem, 1000)}`
  }
  get advice() {
    return "Correct the key, the trusted root or the policy that the rule names. The image was neither accepted nor found unsigned."
  }
}
