/**
 * The places that serve a repository: its mirrors in order, then the registry itself.
 *
 * A mirror is optional. If one sends wrong bytes, stalls, lacks the content or cannot be reached, that is a warning, and the
 * next host is asked. Content that a digest names is verified wherever it came from. A tag is resolved only by mirrors with
 * the capability `resolve`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Endpoint } from "../address/Endpoint.ts"
import type { Endpoints, Mirror } from "./Hosts.ts"

/** Milliseconds that a mirror is skipped after a failure that may affect all its content. */
const after: Partial<Record<Reason["_tag"], number>> = {
  RegistryUnreachable: 30_000,
  BlobInterrupted: 30_000,
  RegistryError: 10_000,
  RateLimited: 30_000,
  AccessDenied: 30_000,
  InvalidResponse: 30_000,
  AddressRefused: 30_000,
  DigestMismatch: 300_000,
  SizeMismatch: 300_000
}

const capacity = 10_000

const nameOf = ({ origin, root = "/v2" }: Endpoint): string => origin + root.replace(/\/v2$/, "")

export interface Mirrors {
  /** The mirrors that may be asked now for a tag, or for content named by a digest (`blob`). */
  readonly ready: (
    places: Endpoints,
    wanted: { readonly tag: boolean; readonly blob?: string }
  ) => Effect.Effect<ReadonlyArray<Mirror>>
  /** Notes a failure, and warns of it. */
  readonly failed: (mirror: Mirror, reason: Reason, emit: Emit, digest?: string) => Effect.Effect<void>
  /** Records that a mirror served bytes of a blob. They are verified later. */
  readonly served: (mirror: Mirror, digest: string) => void
  /** A blob's bytes were wrong. Skips the mirrors that served it for a while, and never asks them for it again. True if there were any. */
  readonly reportMismatch: (digest: string, emit: Emit) => Effect.Effect<boolean>
}

export const makeMirrors = (): Mirrors => {
  const passedOver = new Map<string, number>()
  const servers = new Map<string, Set<string>>()
  const mismatched = new Set<string>()
  const bounded = (size: number, clear: () => void) => {
    if (size >= capacity) clear()
  }

  const passOver = Effect.fnUntraced(function* (name: string, millis: number) {
    bounded(passedOver.size, () => passedOver.clear())
    const until = (yield* Clock.currentTimeMillis) + millis
    passedOver.set(name, Math.max(until, passedOver.get(name) ?? 0))
  })

  return {
    ready: Effect.fnUntraced(function* ({ mirrors }, { tag, blob }) {
      const now = yield* Clock.currentTimeMillis
      return mirrors.filter(({ endpoint, resolves, pulls }) => {
        const name = nameOf(endpoint)
        const able = tag ? resolves : pulls
        return able && (passedOver.get(name) ?? 0) <= now && !mismatched.has(`${name} ${blob}`)
      })
    }),
    failed: Effect.fnUntraced(function* ({ endpoint }, reason, emit, digest) {
      const name = nameOf(endpoint)
      const millis = after[reason._tag]
      const asked = "retryAfterMillis" in reason ? (reason.retryAfterMillis ?? 0) : 0
      if (millis !== undefined) yield* passOver(name, Math.max(millis, asked))
      const message = `the mirror ${name} is skipped: ${reason.message}`
      emit({ _tag: "Warning", code: "MirrorFailed", message, ...(digest === undefined ? {} : { digest }) })
    }),
    served: ({ endpoint }, digest) => {
      bounded(servers.size, () => servers.clear())
      servers.set(digest, (servers.get(digest) ?? new Set()).add(nameOf(endpoint)))
    },
    reportMismatch: Effect.fnUntraced(function* (digest, emit) {
      const names = servers.get(digest) ?? new Set()
      servers.delete(digest)
      for (const name of names) {
        bounded(mismatched.size, () => mismatched.clear())
        mismatched.add(`${name} ${digest}`)
        yield* passOver(name, after.DigestMismatch ?? 0)
        const message = `the mirror ${name} sent wrong bytes and is skipped`
        emit({ _tag: "Warning", code: "MirrorFailed", message, digest })
      }
      return names.size > 0
    })
  }
}
