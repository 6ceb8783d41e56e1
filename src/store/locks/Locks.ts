/** The locks of a store, `<root>/locks/<name>`: between its users in this process and in others. They die with their owner. */
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
     * Locks a name (a layer's digest) against all other pulls, of this process and others, until the scope closes.
     * `onWait` is called once where another has it.
     */
    readonly lock: (name: string, options?: LockOptions) => Effect.Effect<void, Reason, Scope.Scope>
    /** The same without waiting: `false` where another has it. */
    readonly tryLock: (name: string, options?: LockOptions) => Effect.Effect<boolean, Reason, Scope.Scope>
    /** What the holder of a lock noted; `undefined` where nobody holds it, or it cannot be told. */
    readonly holderOf: (name: string) => Effect.Effect<string | undefined>
    /** Held while layers are merged; `alone`: no other merge goes on meanwhile. */
    readonly lockMerge: (alone: boolean, onWait?: () => void) => Effect.Effect<void, Reason, Scope.Scope>
    /** Says that the blob is wanted, until the scope closes; before its lock is waited for. */
    readonly want: (digest: Digest) => Effect.Effect<void, Reason, Scope.Scope>
    /** Does what ends the keeping of a blob, unless somebody else wants it: who asks no longer does. */
    readonly unlessWanted: (digest: Digest, work: Effect.Effect<void, Reason>) => Effect.Effect<void, Reason>
    /**
     * Held by a pull from the moment it knows what it needs until the image is recorded, beside any other pull: meanwhile no
     * cleaning up takes away a tree that is published and not yet named by an image.
     */
    readonly lease: Effect.Effect<void, Reason, Scope.Scope>
    /** Keeps the trees that these digests name from being taken away, until the scope closes. Beside `lease`. */
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
