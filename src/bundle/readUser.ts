/** Who a container's process is: looked up in the image's own files, in the tree that was just written. */
import * as Effect from "effect/Effect"
import type { Limits } from "../api/config.ts"
import { isReason, UnknownUser } from "../api/errors.ts"
import type { Extraction } from "../layer/ExtractionOptions.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { content, drainCursor } from "../read/tree/source/drainCursor.ts"
import { type AccountFiles, filesNeeded, findUser } from "./findUser.ts"

export interface Accounts {
  readonly rootfs: string
  readonly extraction: Extraction
  readonly limits: Limits
  /** What the tree is called by, for errors. */
  readonly digest: string
}

/** Links are followed within the tree. What is not a file, be it a device or a FIFO, is not opened. */
export const readUser = Effect.fnUntraced(function* (user: string, { rootfs, extraction, limits, digest }: Accounts) {
  const pool = yield* ExtractionPool
  const read = Effect.fnUntraced(function* (name: keyof AccountFiles) {
    const path = `etc/${name}`
    const tree = { directories: [rootfs], digests: [""], ...extraction, question: { what: "file", path } } as const
    const reading = drainCursor(pool.stored(digest, tree), content(limits, path))
    const [bytes = Buffer.alloc(0)] = yield* Effect.catch(reading, (reason) => {
      if (reason._tag === "NotInImage") return Effect.succeed([])
      if (reason._tag !== "UnsuitablePath") return Effect.fail(reason)
      return Effect.fail(new UnknownUser({ user, problem: `its /etc/${name} cannot be read: ${reason.problem}` }))
    })
    return bytes
  })
  const files: { -readonly [K in keyof AccountFiles]: Uint8Array } = { passwd: Buffer.alloc(0), group: Buffer.alloc(0) }
  for (const name of filesNeeded(user)) files[name] = yield* read(name)
  return yield* Effect.catch(Effect.try({ try: () => findUser(user, files), catch: (error) => error }), (error) =>
    isReason(error) ? Effect.fail(error) : Effect.die(error)
  )
})
