/**
 * Which file was found sound, or written by us: to look through all of it again takes a second where there are 10 000
 * images. Any other change of the file, by whomever, is a change of its identity, and it is looked through.
 */
import { randomUUID } from "node:crypto"
import { readFile, unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"

const noteOf = (path: string) => `${path}.sound`

const noted = (path: string) => ifMissing(syscall("read", noteOf(path), () => readFile(noteOf(path), "utf8")))

export const isKnownSound = (path: string, identity: string) => Effect.map(noted(path), (note) => note === identity)

/** Where it cannot be written, as in a store that can only be read, it is looked through again. */
export const rememberSound = Effect.fnUntraced(function* (path: string, identity: string) {
  const note = noteOf(path)
  if (yield* isKnownSound(path, identity)) return
  yield* Effect.ignore(writeAtomic(note, Buffer.from(identity), `${note}.${randomUUID()}`, { lasting: false }))
})

/** It was sound and is no more, whatever its identity. */
export const doubt = (path: string) => Effect.ignore(syscall("unlink", noteOf(path), () => unlink(noteOf(path))))
