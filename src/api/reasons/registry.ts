/** What a registry answered, or did not. */
import { counted } from "../counted.ts"
import { taggedError } from "../taggedError.ts"

/** The registry gave no answer: its name was not found, the connection was refused or reset, TLS failed, or a time limit passed. */
export class RegistryUnreachable extends taggedError("RegistryUnreachable")<{
  readonly url: string
  readonly problem: string
  /** What to do about it, if known. */
  readonly remedy?: string
  readonly cause?: unknown
}> {
  readonly isRetryable = true
  override get message() {
    return `no answer from ${this.url}: ${this.problem}`
  }
  get advice() {
    if (this.remedy !== undefined) return this.remedy
    const scheme = this.url.startsWith("http:")
      ? "This was plain HTTP. If the registry uses TLS, set `plainHttp: false`."
      : "A registry that uses plain HTTP needs `plainHttp`."
    return `Check the network, the registry's name and port, and proxy settings. ${scheme}`
  }
}

/** The answer was 401 or 403, after every available way to authenticate had been tried. */
export class AccessDenied extends taggedError("AccessDenied")<{
  readonly url: string
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly authenticated: boolean
  /** True if the answer said how to authenticate. */
  readonly challenged?: boolean
  /** True if another host answered, to which the registry had redirected the request, such as its storage. It gets no credentials. */
  readonly redirected?: boolean
}> {
  readonly isRetryable = false
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    const asked = this.authenticated ? "to the given credentials" : "to an anonymous request"
    return `${this.url} answered ${this.status}${why === "" ? "" : ` (${why})`} ${this.redirected === true ? "to a redirect from the registry" : asked}`
  }
  get advice() {
    if (this.redirected === true)
      return "Pull again: the registry's link may have expired. If it fails again, the registry's storage or a proxy refuses the link; logging in does not help."
    return this.authenticated
      ? "Check the user name and the password or token, and that they may pull this repository."
      : "Log in to this registry, or check that the repository exists: registries often hide private ones behind this answer."
  }
}

const secondsOf = (millis: number) => Math.ceil(millis / 1000)
/** The end of a message, if the host asked for a pause. */
const askingFor = (millis: number | undefined) =>
  millis === undefined ? "" : `; it asks to wait ${secondsOf(millis)} s`
const waitingItself = "With a longer `retry.maxWait`, the pull waits by itself."

/** The answer was still 429 after all retries. `retryAfterMillis` is the pause that the registry asked for. */
export class RateLimited extends taggedError("RateLimited")<{
  readonly url: string
  readonly retryAfterMillis?: number
  readonly detail?: string
}> {
  readonly isRetryable = true
  override get message() {
    const said = this.detail === undefined ? "" : ` (${this.detail})`
    return `${this.url} answered 429, too many requests${said}${askingFor(this.retryAfterMillis)}`
  }
  get advice() {
    return this.retryAfterMillis === undefined
      ? "Wait, log in for a higher limit, or pull through a mirror."
      : `Wait ${secondsOf(this.retryAfterMillis)} s, log in for a higher limit, or pull through a mirror. ${waitingItself}`
  }
}

/** The registry does not have this manifest. */
export class ManifestNotFound extends taggedError("ManifestNotFound")<{
  readonly url: string
  readonly code?: string
  readonly detail?: string
}> {
  readonly isRetryable = false
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    return `manifest not found: ${this.url}${why === "" ? "" : ` (${why})`}`
  }
  get advice() {
    return "Check the repository and the tag or digest; a private repository may need credentials."
  }
}

/** A manifest names this blob, but the registry does not have it. */
export class BlobNotFound extends taggedError("BlobNotFound")<{ readonly url: string; readonly digest: string }> {
  readonly isRetryable = false
  override get message() {
    return `blob not found: ${this.digest} at ${this.url}`
  }
  get advice() {
    return "Part of this image is missing from the registry: push the image again, or pull it from another registry."
  }
}

/** Any other status that the protocol does not allow here. 408 and 5xx may be retried, except 501. */
export class RegistryError extends taggedError("RegistryError")<{
  readonly url: string
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly retryAfterMillis?: number
}> {
  get isRetryable() {
    return this.status === 408 || (this.status >= 500 && this.status !== 501)
  }
  override get message() {
    const why = [this.code, this.detail].filter(Boolean).join(": ")
    return `${this.url} answered ${this.status}${why === "" ? "" : ` (${why})`}${askingFor(this.retryAfterMillis)}`
  }
  get advice() {
    if (this.retryAfterMillis !== undefined)
      return `Try again in ${secondsOf(this.retryAfterMillis)} s, or pull through a mirror. ${waitingItself}`
    return this.status >= 500
      ? "The registry has a problem: try again later."
      : "The registry refused the request; its answer is above."
  }
}

/** The answer does not fit its status and type: broken JSON, an invalid header, a body that is too large. */
export class InvalidResponse extends taggedError("InvalidResponse")<{
  readonly url: string
  readonly problem: string
  /** True if the answer is an HTML page, such as a login form. */
  readonly isPage?: boolean
}> {
  readonly isRetryable = false
  override get message() {
    return `invalid response from ${this.url}: ${this.problem}`
  }
  get advice() {
    return this.problem.includes("HTML page")
      ? "This is a web page: check that this is the address of a registry, and whether a proxy in between requires a login."
      : "Check that this is the address of a registry, and that no proxy or cache in between changes its answers."
  }
}

/** A redirect, token realm or foreign layer URL to an address that is not allowed. `option` is the option that would allow it, if there is one. */
export class AddressRefused extends taggedError("AddressRefused")<{
  readonly from: string
  readonly to: string
  readonly problem: string
  readonly option?: "trustedHosts" | "plainHttp"
  /** The registry whose settings the option belongs to. */
  readonly registry?: string
}> {
  readonly isRetryable = false
  override get message() {
    return `${this.from} points to ${this.to}, which is refused: ${this.problem}`
  }
  get advice() {
    const { option, registry = "" } = this
    if (option === "plainHttp")
      return `If plain HTTP is intended, allow it: \`hosts[${JSON.stringify(registry)}].plainHttp\`.`
    const host = URL.canParse(this.to) ? new URL(this.to).host : ""
    return option === "trustedHosts"
      ? `If you trust ${host}, add it to \`hosts[${JSON.stringify(registry)}].trustedHosts\`.`
      : "No option allows this: the registry has to use another address."
  }
}

/** A download ended early, stalled, was too slow or broke; `offset` bytes of the blob had arrived. */
export class BlobInterrupted extends taggedError("BlobInterrupted")<{
  readonly digest: string
  readonly offset: number
  readonly problem: string
  readonly cause?: unknown
}> {
  readonly isRetryable = true
  override get message() {
    return `download of ${this.digest} was interrupted after ${counted(this.offset, "byte")}: ${this.problem}`
  }
  get advice() {
    return "Pull again: it continues where it stopped."
  }
}
