/** A store's locks, `<root>/locks/<name>`, for its users in this process and in others. They end with their owner. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { Directories } from "../directories/Directories.ts"
import { holdDigests } from "./Holds.ts"
import { type LockOptions, lock, noteOf, tryLock } from "./Lock.ts"

const wantedName = (digest: string) => `wanted-${digest}`

export class Locks extends Context.Service<
  Locks,
  {
    /**
     * Locks a name, such as a layer's digest, against all other pulls, in this process and others, until the scope
     * closes. `onWait` is called once if the lock has to be waited for.
     */
    readonly lock: (name: string, options?: LockOptions) => Effect.Effect<void, Reason, Scope.Scope>
    /** The same without waiting: `false` if another has it. */
    readonly tryLock: (name: string, options?: LockOptions) => Effect.Effect<boolean, Reason, Scope.Scope>
    /** The note of a lock's holder; `undefined` if nobody holds it, or the note cannot be read. */
    readonly holderOf: (name: string) => Effect.Effect<string | undefined>
    /** Held while layers are merged; `alone`: keeps out every other merge. */
    readonly lockMerge: (alone: boolean, onWait?: () => void) => Effect.Effect<void, Reason, Scope.Scope>
    /** Marks the blob as wanted until the scope closes. To be called before waiting for its lock. */
    readonly want: (digest: Digest) => Effect.Effect<void, Reason, Scope.Scope>
    /** Runs `work`, which discards the blob, unless somebody else wants it. The caller must have ended its own `want`. */
    readonly unlessWanted: (digest: Digest, work: Effect.Effect<void, Reason>) => Effect.Effect<void, Reason>
    /**
     * Held by a pull, beside other pulls, from the moment it knows what it needs until the image is recorded. Meanwhile
     * nothing removes a tree that is published and that no image names yet.
     */
    readonly lease: Effect.Effect<void, Reason, Scope.Scope>
    /** Protects the trees that these digests name from removal, until the scope closes. To be called under `lease`. */
    readonly hold: (digests: ReadonlyArray<string>) => Effect.Effect<void, Reason, Scope.Scope>
  }
>()("ociflow/store/Locks") {
  static readonly layer: Layer.Layer<Locks, never, Directories> = Layer.effect(
    Locks,
    Effect.gen(function* () {
      const { root, lockPath, make } = yield* Directories
      const made = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.andThen(make, effect)
      return Locks.of({
        lock: (name, options) => made(lock(lockPath(name), options)),
        tryLock: (name, options) => made(tryLock(lockPath(name), options)),
        holderOf: (name) => noteOf(lockPath(name)),
        lockMerge: (alone, onWait) => made(lock(lockPath("merge"), { shared: !alone, sharable: true, onWait })),
        want: (digest) => made(lock(lockPath(wantedName(digest)), { shared: true })),
        unlessWanted: (digest, work) =>
          Effect.scoped(
            Effect.flatMap(tryLock(lockPath(wantedName(digest)), { sharable: true }), (isAlone) =>
              isAlone ? work : Effect.void
            )
          ),
        lease: made(lock(lockPath("use"), { shared: true })),
        hold: (digests) => made(holdDigests(root, digests))
      })
    })
  )
}
