/**
 * Repairs what `verify` found. Each affected image is pulled again by the digest in the catalogue, even if its tag has
 * moved; only what is missing is downloaded. A changed tree is set aside first, unless it is held or a pull is running:
 * then it stays as it is until the next time.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PullOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { PulledImage } from "../../api/events.ts"
import { type Digest, parseDigest } from "../../image/reference/Digest.ts"
import { format, parse } from "../../image/reference/Reference.ts"
import { formatLocal, parseLocal } from "../../source/file/LocalReference.ts"
import { Catalogue } from "../../store/catalogue/Catalogue.ts"
import { Trees } from "../../store/trees/Trees.ts"
import type { Fault, Verified } from "../../store/UpkeepResults.ts"
import type { TreeUser } from "../../store/upkeep/namedTrees.ts"
import { Upkeep } from "../../store/upkeep/Upkeep.ts"
import { emit, PullEvents } from "../events/PullEvents.ts"
import { compareTrees } from "./compareTrees.ts"

const isSame = (a: Fault) => (b: Fault) =>
  a.reference === b.reference && a.platform === b.platform && a.digest === b.digest && a.variant === b.variant

const tag = "ociflow-repair"

/** The name that a repair left when its process died. */
const isOurs = ({ reference }: { readonly reference: string }) =>
  reference.includes(`:${tag}@`) || reference.startsWith(`localhost/${tag}@`)

/** A name that is not in the store yet, so that every layer is checked, and downloaded if it is missing. */
const pinnedTo = Effect.fnUntraced(function* (reference: string, digest: Digest) {
  const local = yield* parseLocal(reference)
  if (local === undefined) {
    const text = format({ ...(yield* parse(reference)), tag, digest })
    return { text, name: text, options: {} }
  }
  const { transport, path } = local
  const name = format({ registry: "localhost", repository: tag, digest })
  // The archive is no longer on standard input, so it is given an empty one.
  const input = (async function* (): AsyncGenerator<Uint8Array> {})()
  return { text: formatLocal({ transport, path, digest }), name, options: { name, input } }
})

/** Hides `Pulled`: to listeners, a repair is not a pull. */
const withoutPulled = <A, E, R>(pulling: Effect.Effect<A, E, R>) =>
  Effect.flatMap(PullEvents, (emit) =>
    Effect.provideService(pulling, PullEvents, (event) => event._tag !== "Pulled" && emit(event))
  )

const warn = (reference: string, problem: string) =>
  emit({ _tag: "Warning", code: "NotRepaired", message: `${reference}: ${problem}` })

type Pull<R> = (reference: string, options: PullOptions) => Effect.Effect<PulledImage, Reason, R>

/** Pulls an image again. Returns the paths of the changed trees that were replaced. */
const repairImage = <R>(pull: Pull<R>, { reference, platform }: TreeUser, faults: ReadonlyArray<Fault>) =>
  Effect.gen(function* () {
    const { setAside } = yield* Trees
    const { inspect } = yield* Catalogue
    const { remove } = yield* Upkeep
    const aside: Array<string> = []
    for (const { digest, path } of faults) {
      if (path === undefined) continue
      if (yield* setAside({ digest, path })) aside.push(path)
      else yield* warn(reference, `${path} is in use, or a pull is running: not now`)
    }
    if (aside.length === 0 && faults.every(({ path }) => path !== undefined)) return []
    const known = yield* inspect(reference)
    // It was removed meanwhile, and others may need these trees.
    if (Option.isNone(known)) return yield* Effect.fail(undefined)
    const digest = yield* parseDigest(known.value.digest)
    const { text, name, options } = yield* pinnedTo(reference, digest)
    yield* pull(text, { platform, ...options }).pipe(
      withoutPulled,
      // Even if interrupted: the user did not ask for this name.
      Effect.onExit(() => remove(name))
    )
    return aside
  }).pipe(
    Effect.scoped,
    // What cannot be downloaded stays a fault, and is reported.
    Effect.catch((reason) => Effect.as(reason === undefined ? Effect.void : warn(reference, reason.message), []))
  )

export const repair = Effect.fnUntraced(function* <R>(pull: Pull<R>) {
  const { images } = yield* Catalogue
  const { remove } = yield* Upkeep
  for (const { reference } of (yield* images()).filter(isOurs)) yield* remove(reference)
  const before = yield* compareTrees
  // A pull makes trees with this store's options only.
  const ours = before.faults.filter(({ variant }) => variant === undefined)
  const concerned = new Map(
    ours.map(({ reference, platform }) => [`${reference} ${platform}`, { reference, platform }])
  )
  /** Replaced trees. Other images with these trees need nothing more. */
  const renewed = new Set<string>()
  for (const user of concerned.values()) {
    const faults = ours.filter((fault) => fault.reference === user.reference && fault.platform === user.platform)
    const left = faults.filter(({ path }) => path === undefined || !renewed.has(path))
    for (const path of yield* repairImage(pull, user, left)) renewed.add(path)
  }
  const { faults, unknown, byTable } = concerned.size === 0 ? before : yield* compareTrees
  const verified: Verified = {
    faults,
    unknown,
    ...(byTable === undefined ? {} : { byTable }),
    repaired: before.faults.filter((fault) => !faults.some(isSame(fault)))
  }
  return verified
})
