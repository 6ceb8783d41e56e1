/** An archive as a container: a file that can be read anywhere, and where in it everything is. */
import type { FileHandle } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { codeOrMessage } from "../../api/codeOf.ts"
import type { Limits } from "../../api/config.ts"
import { isReason, type Reason } from "../../api/errors.ts"
import { fileRange$ } from "../../fs/fileRange.ts"
import { type Container, type Part, unusable } from "./Container.ts"
import { openArchiveFile } from "./openFile.ts"
import { TarIndex } from "./TarIndex.ts"

const partOf = (file: FileHandle, name: string, path: string, start: number, size: number): Part => ({
  size,
  bytes$: (gate, offset, end) =>
    fileRange$(file, [start + offset, start + end], gate, (error) =>
      unusable({ name }, `${path}: ${codeOrMessage(error)}`)
    )
})

/** What is wrong with the archive itself is wrong with the source, not with a layer. */
const reasonOf =
  (name: string) =>
  (error: unknown): Reason => {
    if (isReason(error)) return error._tag === "CorruptLayer" ? unusable({ name }, error.problem) : error
    return unusable({ name }, codeOrMessage(error))
  }

/** The file is open until the scope closes. */
export const openArchive = Effect.fnUntraced(function* (
  path: string,
  name: string,
  limits: Limits
): Effect.fn.Return<Container, Reason, Scope.Scope> {
  const failed = reasonOf(name)
  const file = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => openArchiveFile(path), catch: failed }),
    // Waits for what is being read.
    (file) => Effect.promise(() => file.close())
  )
  const index = yield* Effect.tryPromise({ try: (signal) => TarIndex.read(file, name, signal, limits), catch: failed })
  // One for each file, whatever names lead to it.
  const parts = new Map<number, Part>()
  return {
    name,
    find: (path) => {
      const found = index.find(path)
      if (typeof found === "string") return Effect.fail(unusable({ name }, `${path}: ${found}`))
      if (found === undefined) return Effect.succeed(undefined)
      const part = parts.get(found.start) ?? partOf(file, name, path, found.start, found.size)
      parts.set(found.start, part)
      return Effect.succeed(part)
    }
  }
})
