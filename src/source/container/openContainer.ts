/** Opens what a reference to a file points to: a directory, an archive, or a stream that becomes an archive first. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { codeOf, codeOrMessage } from "../../api/codeOf.ts"
import type { Limits } from "../../api/config.ts"
import { isReason, type Reason } from "../../api/errors.ts"
import { blockBytes } from "../../layer/tar/HeaderBlock.ts"
import { formatLocal, type LocalReference, standardInput } from "../file/LocalReference.ts"
import { openArchive } from "./archive.ts"
import { archiveForm } from "./archiveForm.ts"
import { type Container, unusable } from "./Container.ts"
import { openDirectory } from "./directory.ts"
import { openArchiveFile, openStream } from "./openFile.ts"
import { type Input, spool } from "./spool.ts"

export interface OpenOptions {
  readonly limits: Limits
  /** What `-` reads. Default: the standard input. */
  readonly input?: Input | undefined
  /** A fresh directory for what comes as a stream. */
  readonly directory: Effect.Effect<string, Reason, Scope.Scope>
}

const isPlain = async (path: string, name: string): Promise<boolean> => {
  const file = await openArchiveFile(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(blockBytes), 0, blockBytes, 0)
    return archiveForm(buffer.subarray(0, bytesRead), name) === undefined
  } finally {
    await file.close()
  }
}

const wordsOf = (error: unknown) =>
  codeOf(error) === "ENOENT" ? "there is no such file (ENOENT)" : codeOrMessage(error)

const look = async (path: string, name: string): Promise<"directory" | "archive" | "pipe" | "stream"> => {
  const found = await stat(path)
  if (found.isDirectory()) return "directory"
  if (found.isFIFO()) return "pipe"
  return found.isFile() && (await isPlain(path, name)) ? "archive" : "stream"
}

export const openContainer = Effect.fnUntraced(function* (
  asked: LocalReference,
  takesDirectory: boolean,
  { limits, input, directory }: OpenOptions
): Effect.fn.Return<Container, Reason, Scope.Scope> {
  const { path } = asked
  const name = formatLocal({ transport: asked.transport, path })
  const spooled = Effect.fnUntraced(function* (stream: Input) {
    const copy = join(yield* directory, "archive.tar")
    yield* spool(stream, copy, name, limits)
    return yield* openArchive(copy, name, limits)
  })
  if (path === standardInput) {
    const stream = input ?? process.stdin
    if (stream === process.stdin && process.stdin.isTTY)
      return yield* unusable({ name }, "the standard input is a terminal")
    return yield* spooled(stream)
  }
  const failed = (error: unknown) => (isReason(error) ? error : unusable({ name }, wordsOf(error)))
  const kind = yield* Effect.tryPromise({ try: () => look(path, name), catch: failed })
  if (kind === "directory" && !takesDirectory)
    return yield* unusable({ name }, "it is a directory: as an OCI layout, oci: takes it")
  if (kind === "directory") return yield* openDirectory(path, name)
  if (kind === "archive") return yield* openArchive(path, name, limits)
  const stream = yield* Effect.acquireRelease(
    Effect.tryPromise({ try: () => openStream(path, kind === "pipe"), catch: failed }),
    (stream) => Effect.sync(() => stream.destroy())
  )
  return yield* spooled(stream)
})
