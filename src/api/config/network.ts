/** How registries are reached. */
import type { Effect } from "effect/Effect"
import type { Redacted } from "effect/Redacted"

/** Credentials for one registry; `identityToken` is an OAuth2 refresh token, `registryToken` is a bearer token, sent as it is. */
export type Credentials =
  | { readonly username: string; readonly password: string | Redacted<string> }
  | { readonly identityToken: string | Redacted<string> }
  | { readonly registryToken: string | Redacted<string> }

/**
 * Returns credentials for a registry, or `undefined` if there are none. It is called before the first request, at most once
 * a minute for the same repository. If it fails, the pull fails with `CredentialsUnavailable`.
 */
export type CredentialsOf = (
  registry: string,
  repository: string
) => Credentials | undefined | Promise<Credentials | undefined> | Effect<Credentials | undefined, unknown>

/** Paths of PEM files. Without `key`, the file of the certificate contains its key too. */
export interface ClientCertificate {
  readonly cert: string
  readonly key?: string | undefined
}

/** TLS settings for one host. */
export interface TlsOptions {
  /** PEM files with certificate authorities to trust, in addition to the usual ones. Default: none. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** Client certificate for this host, which is shown to no other. Default: none. */
  readonly client?: ClientCertificate | ReadonlyArray<ClientCertificate> | undefined
  /**
   * Accept any certificate of this host. An attacker on the network can then read everything, and change whatever no digest verifies.
   * Default: `false`.
   */
  readonly insecure?: boolean | undefined
}

/** A host that serves a registry's images in its place: a pull-through cache, or a program on this machine. */
export interface MirrorOptions extends TlsOptions {
  /**
   * Address of the mirror; `/v2` is added to its path unless it ends so. `https://mirror.example.com`, or with a
   * path.
   */
  readonly url: string
  /** `pull`: used for what a digest names; `resolve`: trusted to say what a tag names. Default: both. */
  readonly capabilities?: ReadonlyArray<"pull" | "resolve"> | undefined
  /** Headers sent to this mirror with each request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted<string>>> | undefined
  /** Use the path as it is: no `/v2` is added. Default: `false`. */
  readonly overridePath?: boolean | undefined
}

/**
 * How to reach one host, as a registry or as a mirror. These settings take precedence over those in the directories of
 * `hostsDirs`; settings that are not given here are read from there.
 */
export interface HostOptions extends TlsOptions {
  /** `true`: plain HTTP to this host; `false`: HTTPS, even on loopback. Default: as the client's. */
  readonly plainHttp?: boolean | undefined
  /** Headers sent to the registry with each request. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted<string>>> | undefined
  /**
   * Hosts that this registry may point to by a redirect, a token realm or a foreign layer, wherever they are. Names,
   * `.example.com` for all below one, addresses, networks as `10.0.0.0/8`; with a port or without. Default: none.
   */
  readonly trustedHosts?: ReadonlyArray<string> | undefined
  /** Mirrors to ask before the registry, in this order. Default: none. */
  readonly mirrors?: ReadonlyArray<string | MirrorOptions> | undefined
}

/** The forward proxy. */
export interface ProxyOptions {
  /** `http://[user:password@]host:port`, or `https://`, or `socks5://`. */
  readonly url: string | Redacted<string>
  /**
   * Hosts to reach without the proxy, as in `NO_PROXY`: names, domains, addresses, networks, separated by commas; `*`
   * for all. Default: none.
   */
  readonly noProxy?: string | undefined
}
