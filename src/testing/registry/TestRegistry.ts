/** What a test holds of its registry. */
import type { Content } from "../Content.ts"
import type { TestImage } from "../image/TestImage.ts"
import type { TokenService } from "./auth/TokenService.ts"
import type { FaultAction, FaultMatch } from "./faults/Fault.ts"
import type { RequestLog } from "./http/RequestLog.ts"

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
  /** `http://127.0.0.1:port` */
  readonly origin: string
  /** `app:1` → `127.0.0.1:port/app:1` */
  readonly reference: (name: string) => string
  readonly log: RequestLog
  /** There where `storage` was asked for. */
  readonly storage: Storage | undefined
  /** There where `auth` is a bearer's. */
  readonly tokens: TokenService | undefined
  /** Adds or replaces an image, by `repository:tag`. */
  readonly add: (name: string, image: TestImage) => void
  /** Adds a blob, under another digest than its own if one is given; the digest is returned. */
  readonly addBlob: (repository: string, content: Uint8Array | Content, digest?: string) => string
  /** Adds any bytes as a manifest, under a tag or a digest; the digest is returned. */
  readonly addDocument: (repository: string, bytes: Uint8Array, mediaType: string, reference?: string) => string
  /** The returned function takes the fault away again. */
  readonly fault: (on: FaultMatch, action: FaultAction) => () => void
  readonly clearFaults: () => void
  /** Sockets that are open now, over all its servers. */
  readonly sockets: () => number
  /** Sockets that were ever accepted. */
  readonly accepted: () => number
  /** Ends every socket; may be called again. */
  readonly close: () => Promise<void>
}

/** The second origin, which blobs are redirected to. */
export interface Storage {
  readonly origin: string
  /** Whether any request to it ever carried an `Authorization` header. */
  readonly sawAuthorization: boolean
  /** The signed address of a blob. */
  readonly url: (digest: string) => string
}
