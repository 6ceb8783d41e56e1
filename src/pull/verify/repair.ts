/**
 * Puts right what `verify` found: each image concerned is pulled again by the digest that the catalogue knows, so that a
 * tag that moved meanwhile changes nothing. What is whole is not fetched. A tree that was changed is first set aside; who
 * holds it, or pulls just now, keeps it as it is until the next time.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { type Digest, parseDigest } from "../../image/reference/Digest.ts"
import { formatLocal, parseLocal } from "../../image/reference/LocalReference.ts"
import { format, parse } from "../../image/reference/Reference.ts"
import type { Puller } from "../../Puller.ts"
import type { Fault, Verified } from "../../store/Reclaimed.ts"
import type { Store } from "../../store/Store.ts"
import type { Compared } from "./compareTrees.ts"

const same = (a: Fault) => (b: Fault) =>
  a.reference === b.reference && a.platform === b.platform && a.digest === b.digest && a.variant === b.variant

const tag = "ociflow-repair"

/** A repair that died left its name. */
const isOurs = ({ reference }: { readonly reference: string }) =>
  reference.includes(`:${tag}@`) || reference.startsWith(`localhost/${tag}@`)

/** A name of its own, which the store does not know yet: so everything is looked at, and what is missing fetched. */
const pinnedTo = Effect.fnUntraced(function* (reference: string, digest: Digest) {
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

export const repair = Effect.fnUntraced(function* (
  store: Store["Service"],
  comparing: Effect.Effect<Compared, Reason>,
  pull: Puller["Service"]["pull"],
  emit: Emit
): Effect.fn.Return<Verified, Reason> {
  for (const { reference } of (yield* store.images()).filter(isOurs)) yield* store.remove(reference)
  const compared = yield* comparing
  const before = compared.faults
  // A pull makes trees in our own way only.
  const ours = before.filter(({ variant }) => variant === undefined)
  const again = new Map(ours.map(({ reference, platform }) => [`${reference} ${platform}`, { reference, platform }]))
  const warn = (reference: string, problem: string) =>
    Effect.sync(() => emit({ _tag: "Warning", code: "NotRepaired", message: `${reference}: ${problem}` }))
  /** Trees that were made anew: another image of theirs needs nothing more. */
  const anew = new Set<string>()
  const repair = Effect.fnUntraced(function* (reference: string, platform: string) {
    const mine = ours.filter((fault) => fault.reference === reference && fault.platform === platform)
    const aside: Array<string> = []
    for (const { digest, path } of mine) {
      if (path === undefined || anew.has(path)) continue
      if (yield* store.setAside({ digest, path })) aside.push(path)
      else yield* warn(reference, `${path} is in use, or a pull is running: not now`)
    }
    if (aside.length === 0 && mine.every(({ path }) => path !== undefined)) return
    const known = yield* store.inspect(reference)
    if (Option.isNone(known)) return
    const digest = yield* parseDigest(known.value.digest)
    const { text, name, options } = yield* pinnedTo(reference, digest)
    const said: Emit = (event) => event._tag !== "Pulled" && emit(event)
    // What cannot be fetched stays a fault, and is reported as one.
    yield* pull(text, { platform, ...options }, said).pipe(
      Effect.tap(() => {
        for (const path of aside) anew.add(path)
        return Effect.void
      }),
      Effect.tapError(({ reason }) => warn(reference, reason.message)),
      Effect.ignore,
      // Interrupted or not: nobody asked for this name.
      Effect.onExit(() => store.remove(name))
    )
  }, Effect.scoped)

  for (const { reference, platform } of again.values()) yield* repair(reference, platform)
  const { faults, unknown } = again.size === 0 ? compared : yield* comparing
  return { faults, unknown, repaired: before.filter((fault) => !faults.some(same(fault))) }
})
