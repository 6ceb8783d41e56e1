/** A disk image that the store has, as it is: the bytes that its tree would give. */
import { constants } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { codeOrMessage } from "../api/codeOf.ts"
import { FileSystemFailed } from "../api/errors.ts"
import { openRegular } from "../fs/openRegular.ts"
import { syscall } from "../fs/syscall.ts"
import { blockBytes, superblock } from "../layer/erofs/format.ts"

/** Where the number of the image's blocks is. */
const blocksAt = superblock.at + superblock.fields.blocks

/** The chunk size of a disk image that is written, too. */
const chunkBytes = 256 * 1024

/** One that was cut, or has more, fails before its last chunk. */
const read = async function* (file: FileHandle, path: string, size: number): AsyncGenerator<Uint8Array, void, void> {
  const fail = (code: string) => new FileSystemFailed({ operation: "read", path, code })
  for (let at = 0; at < size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, size - at))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at).catch((error) => {
      throw fail(codeOrMessage(error))
    })
    at += bytesRead
    if (bytesRead === 0 || (at === size && (await file.stat()).size !== size)) throw fail("EUCLEAN")
    yield chunk.subarray(0, bytesRead)
  }
}

/** The file is closed with the scope. Fails with `FileSystemFailed`. */
export const diskImageChunks = Effect.fnUntraced(function* (path: string) {
  const { file } = yield* Effect.acquireRelease(
    syscall("open", path, () => openRegular(path, constants.O_RDONLY)),
    ({ file }) => Effect.promise(() => file.close())
  )
  const { buffer, bytesRead } = yield* syscall("read", path, () => file.read(Buffer.alloc(4), 0, 4, blocksAt))
  if (bytesRead < 4) return yield* new FileSystemFailed({ operation: "read", path, code: "EUCLEAN" })
  return read(file, path, buffer.readUInt32LE(0) * blockBytes)
})
