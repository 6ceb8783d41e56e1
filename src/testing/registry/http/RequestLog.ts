/** What was asked of a registry and what it sent, in order of arrival. */
import type { RequestKind } from "./Route.ts"

export interface LoggedRequest {
  /** Which server saw it: the registry itself, the storage that blobs are redirected to, or the token service. */
  readonly origin: "registry" | "storage" | "tokens"
  readonly kind: RequestKind
  readonly method: string
  /** Path and query, as they came. */
  readonly path: string
  readonly repository?: string
  /** A tag or a digest. */
  readonly reference?: string
  /** The `Range` header. */
  readonly range?: string
  /** First byte of the blob that the answer holds; 0 where the whole is sent. */
  readonly start: number
  readonly accept?: string
  readonly userAgent?: string
  /** The scheme of the `Authorization` header; its secret is not kept. */
  readonly authorization?: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** 0 until there is an answer. */
  readonly status: number
  /** Bytes of the body handed to the socket so far. */
  readonly sent: number
  /** `open` until the answer is out (`finished`), the client left (`aborted`), or a fault ended it (`cut`). */
  readonly state: "open" | "finished" | "aborted" | "cut"
}

export type RequestFilter = Partial<
  Pick<LoggedRequest, "origin" | "kind" | "method" | "repository" | "reference" | "status" | "state">
>

const matches = (filter: RequestFilter) => (request: LoggedRequest) =>
  Object.entries(filter).every(([key, value]) => value === undefined || request[key as keyof RequestFilter] === value)

export class RequestLog {
  readonly #requests: Array<LoggedRequest> = []
  readonly #watchers = new Set<() => void>()

  get all(): ReadonlyArray<LoggedRequest> {
    return this.#requests
  }
  where(filter: RequestFilter): ReadonlyArray<LoggedRequest> {
    return this.#requests.filter(matches(filter))
  }
  count(filter: RequestFilter = {}): number {
    return this.where(filter).length
  }
  /** Requests that are not answered in full yet. */
  get open(): number {
    return this.count({ state: "open" })
  }
  clear(): void {
    this.#requests.length = 0
  }

  /** The parts of a blob that were sent, `[start, end)`, in order of arrival, over both servers. */
  ranges(digest: string): ReadonlyArray<readonly [start: number, end: number]> {
    return this.where({ reference: digest })
      .filter(({ kind, sent, status }) => (kind === "blob" || kind === "storage") && sent > 0 && status < 300)
      .map(({ start, sent }) => [start, start + sent] as const)
  }
  /** Bytes of a blob that were sent more than once. 0 is what a client that resumes well comes to. */
  repeated(digest: string): number {
    const sorted = this.ranges(digest).toSorted((a, b) => a[0] - b[0])
    let reached = 0
    let repeated = 0
    for (const [start, end] of sorted) {
      repeated += Math.max(0, Math.min(end, reached) - start)
      reached = Math.max(reached, end)
    }
    return repeated
  }

  /** Resolves once `predicate` holds; looked at again after each request, answer, piece sent and end. */
  until(predicate: (log: RequestLog) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!predicate(this)) return
        this.#watchers.delete(look)
        resolve()
      }
      this.#watchers.add(look)
      look()
    })
  }
  /** Resolves once no request is open. */
  settled(): Promise<void> {
    return this.until((log) => log.open === 0)
  }

  /** For the servers: adds a request, and gives the way to change it. */
  add(request: LoggedRequest): (change: Partial<LoggedRequest>) => void {
    const entry = { ...request }
    this.#requests.push(entry)
    this.#notify()
    return (change) => {
      Object.assign(entry, change)
      this.#notify()
    }
  }
  #notify(): void {
    for (const look of this.#watchers) look()
  }
}
