/**
 * How a container of an image is started, and how the image was built: its config document (OCI image-spec, config.md),
 * with Docker's `Healthcheck`. Names are the document's in camelCase, without its nesting. Lists and maps are always
 * there, and empty where the document has none. A text that is missing or empty in the document is left out.
 */

/** How to check that a container works. Durations are in milliseconds. If a field is missing, the runtime chooses its value. */
export interface Healthcheck {
  /** `["NONE"]`: no test. `["CMD", …]`: a program and its arguments. `["CMD-SHELL", line]`: a line for the shell. */
  readonly test: ReadonlyArray<string>
  readonly interval?: number
  readonly timeout?: number
  readonly startPeriod?: number
  readonly startInterval?: number
  /** Failures in a row before the container counts as unhealthy. */
  readonly retries?: number
}

/** A step of the build, the first one first. */
export interface HistoryEntry {
  readonly created?: string
  readonly createdBy?: string
  readonly author?: string
  readonly comment?: string
  /** True if the step made no layer. */
  readonly emptyLayer: boolean
}

export interface ImageConfig {
  readonly os?: string
  readonly architecture?: string
  readonly variant?: string
  readonly osVersion?: string
  /** The time as the document gives it: RFC 3339, if the builder followed the specification. */
  readonly created?: string
  readonly author?: string
  /** `user`, `uid`, `user:group` or `uid:gid`. If it is missing: root. */
  readonly user?: string
  /** If it is missing: `/`. */
  readonly workingDir?: string
  /** The value of each environment variable. If one is set twice, the last value counts. An item without `=` is left out. */
  readonly env: Readonly<Record<string, string>>
  readonly entrypoint: ReadonlyArray<string>
  readonly cmd: ReadonlyArray<string>
  /** `port/tcp`, `port/udp`, or `port`, which is TCP. */
  readonly exposedPorts: ReadonlyArray<string>
  /** Paths in the container. */
  readonly volumes: ReadonlyArray<string>
  readonly labels: Readonly<Record<string, string>>
  /** `SIGTERM`, `SIGRTMIN+3`, or a number. */
  readonly stopSignal?: string
  readonly healthcheck?: Healthcheck
  readonly history: ReadonlyArray<HistoryEntry>
  /** Digests of the uncompressed layers, the lowest first. */
  readonly diffIds: ReadonlyArray<string>
}
