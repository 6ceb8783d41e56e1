/** Who may do what from the other side. */

export interface ServeLimits {
  /** Pulls that run at once; `start` and `resume` of another are refused. Default: 20. */
  readonly running: number
  /** Watchers at once; another one is refused. Default: 100. */
  readonly watchers: number
  /** Bytes of a call. Default: 16 KiB. */
  readonly callBytes: number
}

export const defaultServeLimits: ServeLimits = { running: 20, watchers: 100, callBytes: 2 ** 14 }

export interface ServeOptions {
  /**
   * References that may be pulled, in their full form: `docker.io/library/debian` with any tag or digest,
   * `ghcr.io/org/*` for all that begins so, `*` for every registry. References to files are always refused. Or a function that is
   * given the full form.
   */
  readonly allow: ReadonlyArray<string> | ((reference: string) => boolean)
  readonly limits?: { readonly [K in keyof ServeLimits]?: ServeLimits[K] | undefined } | undefined
}

/** Which requests are answered. */
export interface GuardOptions {
  /**
   * Names by which browsers reach this server, with a port or without: any other `Host` is refused, since a name of
   * somebody else's may lead here (DNS rebinding). Default: `localhost`, `127.0.0.1`, `[::1]`.
   */
  readonly hosts?: ReadonlyArray<string> | undefined
  /** Other origins whose pages may use this server, such as `https://app.example.com`. Default: none, only its own. */
  readonly origins?: ReadonlyArray<string> | undefined
  /** A secret that each request must have, as `Authorization: Bearer …`. Default: none. */
  readonly token?: string | undefined
  /** Decides on each request that passed all other checks. Default: all. */
  readonly authorize?: ((request: Request) => boolean | Promise<boolean>) | undefined
}

export interface FetchOptions extends ServeOptions, GuardOptions {}
