/** How a job of a worker ends. */
import type { Observable } from "rxjs"
import { packReason } from "../../messages/packReason.ts"
import type { Done, Message } from "../../messages/WorkerMessage.ts"
import { Cancelled } from "../../Ring.ts"

/** What a job tells while it runs. */
export type Post = (message: Message, transfer?: ReadonlyArray<ArrayBuffer>) => void

/** What was counted by a job that reads no archive. */
export const noCounts = { consumed: 0, inflated: 0, entries: 0 }

/** A job's last message. `digest`: whom an error of no reason is told of. */
export const outcomeOf = async (digest: string, work: () => Done | Promise<Done>): Promise<Message> => {
  try {
    return await work()
  } catch (error) {
    return error instanceof Cancelled ? { _tag: "Stopped" } : { _tag: "Failed", reason: packReason(error, digest) }
  }
}

/**
 * Resolves when it has completed and let go of everything: after a job's last message its directory may be removed, and the
 * ring is reset for the next job. Rejects with its error, or with `Cancelled` if it was unsubscribed from.
 */
export const ended = (work$: Observable<never>): Promise<void> =>
  new Promise((resolve, reject) => {
    let end = () => reject(new Cancelled("nobody wants the rest"))
    const running = work$.subscribe({
      error: (error) => {
        end = () => reject(error)
      },
      complete: () => {
        end = resolve
      }
    })
    // Last of all teardowns.
    running.add(() => end())
  })
