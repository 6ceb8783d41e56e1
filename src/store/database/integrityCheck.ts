/**
 * Remembers the identity of the file that was found sound, or written by us, since a check of the whole file takes a
 * second with 10 000 images. Any other change, by anyone, changes the identity, and the file is checked again.
 */
import { constants } from "node:fs"
import { unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { isOurs, notRegular, openRegular } from "../../fs/openRegular.ts"
import { recoverFrom, syscall } from "../../fs/syscall.ts"
import { ownMode, writeAtomic } from "../../fs/writeAtomic.ts"

const noteOf = (path: string) => `${path}.sound`

/** The version of the check: a note of a version that checked less does not count. */
const looked = 3

const noteText = (identity: string) => `${identity} ${looked}`

/** Another user's note does not count: a user who can write to the store could supply both files. */
const read = async (path: string): Promise<string | undefined> => {
  const { file, stats } = await openRegular(path, constants.O_RDONLY)
  try {
    return isOurs(stats) && stats.size < 1024 ? await file.readFile("utf8") : undefined
  } finally {
    await file.close()
  }
}

const noted = (path: string) =>
  recoverFrom(["ENOENT", "ENOTDIR", ...notRegular], undefined)(syscall("read", noteOf(path), () => read(noteOf(path))))

export const hasPassedCheck = (path: string, identity: string) =>
  Effect.map(noted(path), (note) => note === noteText(identity))

/** If the note cannot be written, as in a read-only store, the file is checked again each time. */
export const rememberCheck = Effect.fnUntraced(function* (path: string, identity: string) {
  const note = noteOf(path)
  if (yield* hasPassedCheck(path, identity)) return
  // One temporary name for all, so dead processes leave at most one file. If two write at once, the result is at worst
  // not an identity.
  yield* Effect.ignore(
    writeAtomic(note, Buffer.from(noteText(identity)), `${note}.tmp`, { lasting: false, mode: ownMode })
  )
})

/** To be called when the file is damaged although it has the noted identity. */
export const forgetCheck = (path: string) => Effect.ignore(syscall("unlink", noteOf(path), () => unlink(noteOf(path))))
