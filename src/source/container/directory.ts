/** A directory as a container. Its files may be links, as build tools make them, and nothing but regular files. */
import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Observable } from "rxjs"
import { codeOf, codeOrMessage } from "../../api/codeOf.ts"
import type { Reason } from "../../api/errors.ts"
import { pump } from "../../fs/fileRange.ts"
import { type Container, type Part, unusable } from "./Container.ts"

/** A FIFO would have us wait for somebody who writes. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

const missing = ["ENOENT", "ENOTDIR"]

const withFile = async <A>(path: string, use: (file: FileHandle) => Promise<A>): Promise<A> => {
  const file = await open(path, flags)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** Files are open while they are read; the scope waits for those that are. */
export const openDirectory = Effect.fnUntraced(function* (
  root: string,
  name: string
): Effect.fn.Return<Container, never, Scope.Scope> {
  const running = new Set<Promise<unknown>>()
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.allSettled(running)))
  const failed = (path: string) => (error: unknown) => unusable({ name }, `${path}: ${codeOrMessage(error)}`)

  const partAt = (path: string, size: number): Part => ({
    size,
    bytes$: (gate, offset, end) =>
      new Observable((sink) => {
        const reading = withFile(join(root, path), (file) => pump(file, [offset, end], gate, sink))
        running.add(reading)
        const over = () => running.delete(reading)
        reading.then(
          () => {
            over()
            sink.complete()
          },
          (error) => {
            over()
            sink.error(failed(path)(error))
          }
        )
      })
  })

  const find = Effect.fnUntraced(function* (path: string): Effect.fn.Return<Part | undefined, Reason> {
    const stat = yield* Effect.tryPromise({
      try: () => withFile(join(root, path), (file) => file.stat()),
      catch: (error) => error
    }).pipe(
      Effect.catch((error) =>
        missing.includes(codeOf(error)) ? Effect.succeed(undefined) : Effect.fail(failed(path)(error))
      )
    )
    if (stat === undefined) return undefined
    return stat.isFile() ? partAt(path, stat.size) : yield* unusable({ name }, `${path} is not a regular file`)
  })
  return { name, find }
})
