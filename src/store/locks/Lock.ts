/**
 * Locks between processes, and between the stores of one process. They end with their owner. Waiting can be interrupted
 * and never blocks a thread: four blocked threads would stop all file system calls of the process. See
 * docs/decisions/0006-locks.md.
 */
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { FileSystemFailed } from "../../api/errors.ts"
import { makeDirectory } from "../../fs/directories.ts"
import { syscall } from "../../fs/syscall.ts"
import { type Held, readNote, tryFileLock } from "./fileLock.ts"
import { trySocketLock } from "./socketLock.ts"

export interface LockOptions {
  /** A shared lock can be held by many at once, but not beside an exclusive one. Default: exclusive. */
  readonly shared?: boolean | undefined
  /** For an exclusive lock on a name that others take shared. */
  readonly sharable?: boolean | undefined
  /** For an exclusive lock: says who has it, to those who wait. */
  readonly note?: string | undefined
  /** Called once, if the lock has to be waited for. */
  readonly onWait?: (() => void) | undefined
}

/** Milliseconds between two tries, at most: a process tries again after 2 ms, then 4, and so on. */
const longestDelay = 64

const everybody = 1_000_000

interface Queue {
  readonly semaphore: Semaphore.Semaphore
  users: number
}

/** Within a process, locks are first come, first served, and waiting costs nothing. */
const queues = new Map<string, Queue>()

const enter = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const queue = queues.get(path) ?? { semaphore: Semaphore.makeUnsafe(everybody), users: 0 }
      queues.set(path, queue)
      queue.users += 1
      return queue
    }),
    (queue) =>
      Effect.sync(() => {
        queue.users -= 1
        if (queue.users === 0) queues.delete(path)
      })
  )

const tryOnce = (
  path: string,
  { shared = false, sharable, note }: LockOptions
): Effect.Effect<Held | undefined, FileSystemFailed> =>
  syscall("lock", path, async () => {
    await makeDirectory(dirname(path))
    const held = await tryFileLock(path, shared, note)
    return held === "unsupported" ? trySocketLock(path, shared, sharable) : held
  })

/**
 * Succeeds with whether the lock was acquired; `wait: false` tries once. If it fails half-way, what was acquired is
 * released.
 */
const acquire = (path: string, wait: boolean, options: LockOptions) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const taking = Effect.gen(function* () {
        const { semaphore } = yield* enter(path)
        const permits = options.shared === true ? 1 : everybody
        let waited = false
        const waiting = Effect.sync(() => {
          if (!waited) options.onWait?.()
          waited = true
        })
        if (!(yield* Semaphore.takeIfAvailable(semaphore, permits))) {
          if (!wait) return false
          yield* waiting
          yield* restore(Semaphore.take(semaphore, permits))
        }
        yield* Effect.addFinalizer(() => Semaphore.release(semaphore, permits))
        for (let delay = 2; ; delay = Math.min(2 * delay, longestDelay)) {
          const held = yield* tryOnce(path, options)
          if (held !== undefined) {
            yield* Effect.addFinalizer(() => Effect.promise(held.release))
            return true
          }
          if (!wait) return false
          yield* waiting
          yield* restore(Effect.sleep(delay))
        }
      })
      const had = yield* taking.pipe(
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      if (had) yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
      else yield* Scope.close(scope, Exit.void)
      return had
    })
  )

/** Holds the lock at `path` until the scope closes, waiting as long as it takes. */
export const lock = (path: string, options: LockOptions = {}): Effect.Effect<void, FileSystemFailed, Scope.Scope> =>
  Effect.asVoid(acquire(path, true, options))

/** Milliseconds until a lock that is held for moments only counts as one whose holder was stopped. */
export const longestHold = 60_000

/**
 * The same for a lock that is held for moments. Fails with `ETIMEDOUT` after `longestHold`: its holder was stopped (`SIGSTOP`,
 * a debugger, a frozen container), and keeps it as long as that lasts.
 */
export const lockBriefly = (
  path: string,
  options: LockOptions = {}
): Effect.Effect<void, FileSystemFailed, Scope.Scope> =>
  Effect.timeoutOrElse(lock(path, options), {
    duration: longestHold,
    orElse: () => Effect.fail(new FileSystemFailed({ operation: "lock", path, code: "ETIMEDOUT" }))
  })

/** `false`, at once, if another holds it. */
export const tryLock = (
  path: string,
  options: LockOptions = {}
): Effect.Effect<boolean, FileSystemFailed, Scope.Scope> => acquire(path, false, options)

/** The holder's note; `undefined` if nobody holds the lock, or the note cannot be read. */
export const noteOf = (path: string): Effect.Effect<string | undefined> => Effect.promise(() => readNote(path))
