/** How a test registry is set up. */
import type { TestImage } from "../image/TestImage.ts"
import type { AuthOptions } from "./auth/AuthOptions.ts"
import type { Fault } from "./faults/Fault.ts"
import type { TlsOptions } from "./http/Listener.ts"

export interface StorageOptions {
  /** The status of the redirect. Default: 307. */
  readonly status?: number
  /** Refuses a request that carries credentials with 400, as signed storage does. Default false. */
  readonly strict?: boolean
}

export interface RegistryOptions {
  /** The images of the registry. The keys are `repository:tag`. */
  readonly images?: Readonly<Record<string, TestImage>>
  /** OCI layout directories by repository; tags are their `org.opencontainers.image.ref.name`. */
  readonly layouts?: Readonly<Record<string, string>>
  /** Default: everybody may pull. */
  readonly auth?: AuthOptions
  /** Blobs are redirected to a second origin. Default false. */
  readonly storage?: boolean | StorageOptions
  readonly tls?: TlsOptions
  /** Default: a free one. */
  readonly port?: number
  readonly faults?: ReadonlyArray<Fault>
  /** Whether a manifest is withheld from who does not name its type. Default true, as `registry:2` does. */
  readonly negotiate?: boolean
  /** Whether the referrers API exists, and how many it lists on one page at most. Default true: all on one. */
  readonly referrers?: boolean | { readonly pageSize: number }
  /** Names on one page of tags at most. Default 100. */
  readonly pageSize?: number
}
