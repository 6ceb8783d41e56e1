/** The bodies of an archive's files, as they pass → one file, back to back. */
import { constants } from "node:fs"
import type { MonoTypeOperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { Part } from "../tar/untar.ts"
import { PlacedWriter } from "./PlacedWriter.ts"

const { O_CREAT, O_NOFOLLOW = 0, O_TRUNC, O_WRONLY } = constants

/** `file` is made, or emptied. Of a sparse file only what is stored is written. Fails with `FileSystemFailed`. */
export const spoolBodies = (file: string): MonoTypeOperatorFunction<Part> =>
  transduce(() => {
    const writer = new PlacedWriter(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0)
    let end = 0
    const write = (bytes: Uint8Array) => {
      writer.write(bytes, end)
      end += bytes.length
    }
    return {
      push: (part, next) => {
        if (part._tag === "Data") write(part.chunk)
        else if (part._tag === "Entry" && part.body !== undefined) write(part.body)
        next(part)
      },
      end: () => writer.flush(),
      close: () => writer.close()
    }
  })
