/**
 * Which file was found sound, or written by us: to look through all of it again takes a second where there are 10 000
 * images. Any other change of the file, by whomever, is a change of its identity, and it is looked through.
 */
import { constants } from "node:fs"
import { unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { isOurs, notRegular, openRegular } from "../../fs/openRegular.ts"
import { recoverFrom, syscall } from "../../fs/syscall.ts"
import { ownMode, writeAtomic } from "../../fs/writeAtomic.ts"

const noteOf = (path: string) => `${path}.sound`

/** Counts what is looked for: a note of a version that looked for less does not count. */
const looked = 3

const noteText = (identity: string) => `${identity} ${looked}`

/** Another user's note is none: whoever may write to the store could bring both. */
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

/** Where it cannot be written, as in a store that can only be read, it is looked through again. */
export const rememberCheck = Effect.fnUntraced(function* (path: string, identity: string) {
  const note = noteOf(path)
  if (yield* hasPassedCheck(path, identity)) return
  // One name for all, so that one that dies leaves no more than this. What two write at once is at worst no identity.
  yield* Effect.ignore(
    writeAtomic(note, Buffer.from(noteText(identity)), `${note}.tmp`, { lasting: false, mode: ownMode })
  )
})

/** It was sound and is no more, whatever its identity. */
export const forgetCheck = (path: string) => Effect.ignore(syscall("unlink", noteOf(path), () => unlink(noteOf(path))))
