/** What an image, a registry and a disk may take: bytes, counts, time. */
/** Bounds on what an image may demand. An image that exceeds one fails with `LimitExceeded`, which names it. */
export interface Limits {
  /** Bytes of a manifest, index or config. Default: 4 MiB. */
  readonly documentBytes: number
  /** Layers of an image; a layer that is listed twice counts twice. Default: 500. */
  readonly layers: number
  /**
   * Decompressed bytes per compressed byte of a layer, checked from 16 MiB of output on; DEFLATE cannot exceed 1032.
   * Default: 2 000.
   */
  readonly inflateRatio: number
  /** Bytes of a layer's blob, as the manifest states them. Default: 512 GiB. */
  readonly blobBytes: number
  /** Bytes of an uncompressed layer. Default: 512 GiB. */
  readonly layerBytes: number
  /** Bytes of one file, including holes. Default: 256 GiB. */
  readonly fileBytes: number
  /** Entries of a layer, including directories that are only implied by paths. Default: 10 000 000. */
  readonly entries: number
  /** Components of a path, including empty ones. Default: 256. */
  readonly depth: number
  /** Bytes of a path. Default: 4 096. */
  readonly pathBytes: number
  /** Bytes of a link's target. Default: 4 096. */
  readonly linkBytes: number
  /** Bytes of an entry's PAX records, GNU long names and sparse maps. Default: 1 MiB. */
  readonly paxBytes: number
  /**
   * Bytes of memory for a layer's hard links that come before their targets: their names, and 256 for each. Default:
   * 32 MiB.
   */
  readonly pendingBytes: number
  /**
   * Bytes that `bytes()` or `text()` of an entry returns, including holes; `body$` has no such limit. Default: 16
   * MiB.
   */
  readonly bodyBytes: number
  /**
   * Bytes of memory for the names and facts of an image's entries while its layers are merged: 256 for each entry, and its
   * path, link target and attributes; 256 for each directory that has no entry. Default: 256 MiB.
   */
  readonly treeBytes: number
  /** Bytes of a layer's table of contents, uncompressed; one that is larger is not used. Default: 32 MiB. */
  readonly tableBytes: number
  /** Bytes of an artifact's files, where they are read into memory. Default: 64 MiB. */
  readonly artifactBytes: number
  /** Tags or referrers of one list. Default: 100 000. */
  readonly listItems: number
  /** Pages of one list. Default: 1 000. */
  readonly listPages: number
  /** Bytes of all pages of one list. Default: 64 MiB. */
  readonly listBytes: number
  /** Signatures and other referrers that are looked at for each document of an image, and pages of their list. Default: 100. */
  readonly signatures: number
}

const GiB = 2 ** 30

export const defaultLimits: Limits = {
  documentBytes: 4 * 2 ** 20,
  layers: 500,
  inflateRatio: 2000,
  blobBytes: 512 * GiB,
  layerBytes: 512 * GiB,
  fileBytes: 256 * GiB,
  entries: 10_000_000,
  depth: 256,
  pathBytes: 4096,
  linkBytes: 4096,
  paxBytes: 2 ** 20,
  pendingBytes: 32 * 2 ** 20,
  bodyBytes: 16 * 2 ** 20,
  treeBytes: 2 ** 28,
  tableBytes: 32 * 2 ** 20,
  artifactBytes: 64 * 2 ** 20,
  listItems: 100_000,
  listPages: 1000,
  listBytes: 64 * 2 ** 20,
  signatures: 100
}

/** Time limits, in milliseconds. */
export interface Timeouts {
  /** Opening a connection, including TLS. Default: 10 000. */
  readonly connect: number
  /** From the request to the headers of its final response; informational ones do not count. Default: 30 000. */
  readonly headers: number
  /** Between two pieces of a body. Default: 30 000. */
  readonly idle: number
  /** From the headers to the end of a manifest, config, token or page of a list. Default: 60 000. */
  readonly document: number
  /**
   * A whole pull or look-up (`resolve`, `manifest`, `tags`, `referrers`), including retries and waits. Default:
   * `Infinity`.
   */
  readonly total: number
  /**
   * The lowest rate of a body over each `rateWindow`; a slower one is ended and tried again; 0: no minimum. Default:
   * 1 000.
   */
  readonly minimumRate: number
  /** The window of `minimumRate`; time in which the pull itself is paused does not count. Default: 30 000. */
  readonly rateWindow: number
}

export const defaultTimeouts: Timeouts = {
  connect: 10_000,
  headers: 30_000,
  idle: 30_000,
  document: 60_000,
  total: Number.POSITIVE_INFINITY,
  minimumRate: 1000,
  rateWindow: 30_000
}

/** Retries of one request or one body: exponential with full jitter. `base`, `cap` and `maxWait` in milliseconds. */
export interface RetryOptions {
  /** Retries of one request or one body. Default: 3. */
  readonly times: number
  /** The pause before the first retry: random, up to this; doubled for each further retry. Default: 1 000. */
  readonly base: number
  /** The longest pause. Default: 30 000. */
  readonly cap: number
  /**
   * The longest pause that a host may ask for (`Retry-After`); if it asks for more, the request fails at once.
   * Default: 60 000.
   */
  readonly maxWait: number
}

export const defaultRetry: RetryOptions = { times: 3, base: 1_000, cap: 30_000, maxWait: 60_000 }
