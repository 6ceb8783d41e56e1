/**
 * Puts right what `verify` found: each image concerned is pulled again by the digest that the catalogue knows, so that a
 * tag that moved meanwhile changes nothing. What is whole is not fetched.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Reason } from "./errors.ts"
import type { Emit } from "./events.ts"
import type { Puller } from "./Puller.ts"
import { type Digest, parseDigest } from "./reference/Digest.ts"
import { formatLocal, parseLocal } from "./reference/LocalReference.ts"
import { format, parse } from "./reference/Reference.ts"
import type { Fault, Verified } from "./store/Reclaimed.ts"
import type { Store } from "./store/Store.ts"

const same = (a: Fault) => (b: Fault) =>
  a.reference === b.reference && a.platform === b.platform && a.digest === b.digest && a.variant === b.variant

/** A name of its own, which the store does not know yet: so everything is looked at, and what is missing fetched. */
const pinnedTo = Effect.fnUntraced(function* (reference: string, digest: Digest) {
  const tag = "ociflow-repair"
  const local = yield* parseLocal(reference)
  if (local === undefined) {
    const text = format({ ...(yield* parse(reference)), tag, digest })
    return { text, name: text, options: {} }
  }
  const { transport, path } = local
  const name = format({ registry: "localhost", repository: tag, digest })
  // The standard input is not the one that it was.
  const input = (async function* (): AsyncGenerator<Uint8Array> {})()
  return { text: formatLocal({ transport, path, digest }), name, options: { name, input } }
})

export const repairing = Effect.fnUntraced(function* (
  store: Store["Service"],
  pull: Puller["Service"]["pull"],
  emit: Emit
): Effect.fn.Return<Verified, Reason> {
  const before = yield* store.verify
  // A pull makes trees in our own way only.
  const ours = before.filter(({ variant }) => variant === undefined)
  const again = new Map(ours.map(({ reference, platform }) => [`${reference} ${platform}`, { reference, platform }]))
  for (const { reference, platform } of again.values()) {
    const known = yield* store.inspect(reference)
    if (Option.isNone(known)) continue
    const digest = yield* parseDigest(known.value.digest)
    const { text, name, options } = yield* pinnedTo(reference, digest)
    const said: Emit = (event) => event._tag !== "Pulled" && emit(event)
    // What cannot be fetched stays a fault, and is reported as one.
    yield* pull(text, { platform, ...options }, said).pipe(
      Effect.tapError(({ reason }) =>
        Effect.sync(() => emit({ _tag: "Warning", code: "NotRepaired", message: `${reference}: ${reason.message}` }))
      ),
      Effect.ignore,
      // Interrupted or not: nobody asked for this name.
      Effect.onExit(() => store.remove(name))
    )
  }
  const faults = again.size === 0 ? before : yield* store.verify
  return { faults, repaired: before.filter((fault) => !faults.some(same(fault))) }
})
