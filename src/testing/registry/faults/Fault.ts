/** Which requests a fault befalls, and how often. */

import type { TokenService } from "../auth/TokenService.ts"
import type { Reply } from "../http/Reply.ts"
import type { LoggedRequest } from "../http/RequestLog.ts"

/** All that is given must hold. A request that authentication turns away is never counted. */
export interface FaultMatch {
  readonly kind?: LoggedRequest["kind"]
  /** Default: both, so that a fault on a `blob` follows it to the storage, where it is of kind `storage`. */
  readonly origin?: LoggedRequest["origin"]
  readonly method?: string
  readonly repository?: string
  /** A tag or a digest, as the request names it. */
  readonly reference?: string
  readonly when?: (request: LoggedRequest) => boolean
  /** Begins with the n-th request that matches, counted from 1. Default 1. */
  readonly nth?: number
  /** Ends after so many. Default: never. */
  readonly times?: number
}

export interface FaultContext {
  readonly request: LoggedRequest
  readonly tokens: TokenService | undefined
}

/** Makes the answer worse. Actions compose: see `all`. */
export type FaultAction = (reply: Reply, context: FaultContext) => Reply

export interface Fault {
  readonly on: FaultMatch
  readonly action: FaultAction
}

export class Faults {
  readonly #armed = new Set<{ readonly fault: Fault; seen: number }>()

  /** The returned function takes the fault away again. */
  add(fault: Fault): () => void {
    const armed = { fault, seen: 0 }
    this.#armed.add(armed)
    return () => {
      this.#armed.delete(armed)
    }
  }
  clear(): void {
    this.#armed.clear()
  }

  /** Every fault that is due befalls the answer, in the order they were added. */
  apply(reply: Reply, context: FaultContext): Reply {
    let result = reply
    for (const armed of this.#armed) {
      const { on, action } = armed.fault
      if (!matches(on, context.request)) continue
      const { nth = 1, times = Infinity } = on
      const count = ++armed.seen
      if (count >= nth && count < nth + times) result = action(result, context)
    }
    return result
  }
}

const matches = ({ kind, origin, method, repository, reference, when }: FaultMatch, request: LoggedRequest): boolean =>
  (kind ?? request.kind) === request.kind &&
  (origin ?? request.origin) === request.origin &&
  (method ?? request.method) === request.method &&
  (repository ?? request.repository) === request.repository &&
  (reference ?? request.reference) === request.reference &&
  (when?.(request) ?? true)
