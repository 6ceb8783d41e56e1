/** `ociflow export`: one file of an image, to the output as fast as that takes it, or into a file that is there only when it is whole. */

import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { open, rename, unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type { ExportOptions } from "../../api/config.ts"
import { InvalidOption, PullError } from "../../api/errors.ts"
import { syscall } from "../../fs/syscall.ts"
import { syncHandle } from "../../fs/writeAtomic.ts"
import { Puller } from "../../Puller.ts"
import { drain } from "../../reactive/bridge.ts"
import { Output } from "../Output.ts"

const isPullError = (u: unknown): u is PullError => u instanceof PullError

type Write = (chunk: Uint8Array) => Promise<void>

/** Of the rest of a file: a write can be short. */
const failing =
  (reference: string) =>
  <A, R>(effect: Effect.Effect<A, ConstructorParameters<typeof PullError>[0]["reason"], R>) =>
    Effect.mapError(effect, (reason) => new PullError({ reference, reason }))

/** A file beside the one that is asked for, which takes its name at the end; without one, it goes. */
const intoFile = Effect.fnUntraced(function* (
  path: string,
  reference: string,
  use: (write: Write) => Effect.Effect<unknown, PullError, Puller>
) {
  const beside = `${path}.${randomUUID()}`
  const typed = failing(reference)
  const file = yield* Effect.acquireRelease(typed(syscall("open", beside, () => open(beside, "wx", 0o666))), (file) =>
    Effect.promise(async () => {
      await file.close()
      await unlink(beside).catch(() => undefined)
    })
  )
  let failure: unknown
  const write: Write = async (chunk) => {
    try {
      await file.appendFile(chunk)
    } catch (error) {
      failure = error
      throw error
    }
  }
  const told = (error: unknown) => typed(syscall("write", beside, () => Promise.reject(error)))
  yield* use(write).pipe(
    Effect.catchCause((cause) => (failure === undefined ? Effect.failCause(cause) : told(failure)))
  )
  yield* typed(
    syscall("rename", path, async () => {
      await syncHandle(file)
      await rename(beside, path)
    })
  )
}, Effect.scoped)

export const exportImage = Effect.fnUntraced(function* (
  references: ReadonlyArray<string>,
  output: string | undefined,
  options: ExportOptions
) {
  const { stdout } = yield* Output
  const reference = references.join(", ")
  const all = (write: Write) => Puller.use((puller) => drain(isPullError)(puller.export$(references, options, write)))
  if (output !== undefined && output !== "-") return yield* intoFile(output, reference, all)
  if (stdout.isTTY === true) {
    const reason = new InvalidOption({
      option: "--output",
      problem: "must name a file, because the output is a terminal"
    })
    return yield* new PullError({ reference, reason })
  }
  yield* all(async (chunk) => {
    if (!stdout.write(chunk)) await once(stdout, "drain")
  })
})
