/** Bodies that came before their turn, back to back in a temporary file, which is made when the first one comes. */
import { randomUUID } from "node:crypto"
import { type FileHandle, open, unlink } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { codeOf } from "../../../api/codeOf.ts"
import { FileSystemFailed } from "../../../api/errors.ts"
import type { BodyReader } from "../../../layer/EntryCursor.ts"

/** Where a body lies in the file; bytes. */
export interface Spooled {
  readonly start: number
  readonly end: number
}

const pieceBytes = 2 ** 16

export class BodySpool {
  readonly #directory: string
  #file: FileHandle | undefined
  #path = ""
  #end = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  async put(body: BodyReader): Promise<Spooled> {
    const start = this.#end
    this.#file ??= await this.#open()
    const file = this.#file
    for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
      for (let at = 0; at < piece.length; ) {
        const { bytesWritten } = await this.#tell("write", file.write(piece, at, piece.length - at, this.#end))
        at += bytesWritten
        this.#end += bytesWritten
      }
    }
    return { start, end: this.#end }
  }

  body({ start, end }: Spooled): BodyReader {
    let at = start
    return {
      read: async () => {
        if (at >= end || this.#file === undefined) return undefined
        const piece = Buffer.allocUnsafe(Math.min(pieceBytes, end - at))
        const { bytesRead } = await this.#tell("read", this.#file.read(piece, 0, piece.length, at))
        if (bytesRead === 0) throw new FileSystemFailed({ operation: "read", path: this.#path, code: "EIO" })
        at += bytesRead
        return piece.subarray(0, bytesRead)
      },
      leave: () => {
        at = end
      }
    }
  }

  async close(): Promise<void> {
    if (this.#file === undefined) return
    await this.#file.close().catch(() => undefined)
    await unlink(this.#path).catch(() => undefined)
  }

  #open(): Promise<FileHandle> {
    this.#path = join(this.#directory, randomUUID())
    return this.#tell("open", open(this.#path, "wx+", 0o600))
  }

  async #tell<A>(operation: string, work: Promise<A>): Promise<A> {
    try {
      return await work
    } catch (error) {
      throw new FileSystemFailed({ operation, path: this.#path, code: codeOf(error) })
    }
  }
}

/** Its file is removed when the scope closes. */
export const makeBodySpool = (directory: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new BodySpool(directory)),
    (spool) => Effect.promise(() => spool.close())
  )
