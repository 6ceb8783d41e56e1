/**
 * The tree of an image as one read-only EROFS file: uncompressed, in blocks of 4 KiB, as a stream of bytes in their order.
 * Owners, modes, times, devices and attributes are the entries' own; nothing asks for privileges.
 *
 * The headers come first, all of them, and say where everything is. Then the bytes of the files are written as they come.
 * Memory: some 100 bytes for each entry, its name, its attributes; never the bytes of a file.
 * The same entries in the same order give the same image. Holes of sparse files are written as zeros.
 */
import { counted } from "../api/counted.ts"
import type { EntryHeader } from "../layer/Entry.ts"
import type { ArchiveEntry, EntryCursor } from "../layer/EntryCursor.ts"
import { EntryTree } from "./EntryTree.ts"
import type { OnXattrDropped } from "./ErofsTree.ts"
import { crc32cOf } from "./format/crc32c.ts"
import type { Ino } from "./format/InodeTable.ts"
import type { Chunk } from "./ImageOutput.ts"
import { ImageWriter } from "./ImageWriter.ts"
import { type ErofsPlan, nidOf, planErofs } from "./planErofs.ts"
import { Turns } from "./Turns.ts"
import { unsupported } from "./unsupported.ts"
import { uuidOf } from "./uuidOf.ts"

export interface ErofsOptions {
  /** Goes into the image's UUID: the manifest's digest, say. Default: the UUID tells only what is known of the entries. */
  readonly identity?: string
  /** Called with each attribute whose name no file system of Linux has: it is left out. */
  readonly onXattrDropped?: OnXattrDropped
}

/** The entries of a tree, without their bodies, and again with them, in the same order. */
export interface ErofsSource {
  readonly headers: () => EntryCursor<{ readonly header: EntryHeader }>
  /** May leave out what is not a file, and files without bytes. */
  readonly bodies: () => EntryCursor<ArchiveEntry>
}

/** Reads all headers. Rejects with `UnsupportedEntry`, or as the cursor does. */
export const readPlan = async (
  cursor: EntryCursor<{ readonly header: EntryHeader }>,
  { identity, onXattrDropped }: ErofsOptions = {}
): Promise<ErofsPlan> => {
  const entries = new EntryTree(onXattrDropped)
  const turns = new Turns()
  for (let entry = await cursor.next(); entry !== undefined; entry = await cursor.next()) {
    entries.add(entry.header)
    const turn = turns.takeOfEntry()
    if (turn !== undefined) await turn
  }
  entries.seal()
  return planErofs(entries.tree, turns, identity, entries.pathSums)
}

/** The bytes of directories and symbolic links, which the plan knows. */
const knownBytes = function* (plan: ErofsPlan, ino: Ino): Iterable<Uint8Array> {
  const { inodes, dirents } = plan
  const target = inodes.target(ino)
  if (inodes.isDirectory(ino))
    yield* dirents.content(ino, { nid: (child) => nidOf(plan, child), fileType: (child) => inodes.fileType(child) })
  else if (target !== undefined) yield Buffer.from(target, "latin1")
}

const bytesOf = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Uint8Array> => chunks.map(({ bytes }) => bytes)

/** The next file that has bytes. It must be the one that was planned. */
const nextFile = async (cursor: EntryCursor, size: number, pathSum: number | undefined): Promise<ArchiveEntry> => {
  for (let entry = await cursor.next(); entry !== undefined; entry = await cursor.next()) {
    const { header } = entry
    if (header.type !== "file" || header.size === 0) continue
    if (header.size === size && (pathSum === undefined || crc32cOf(header.path) === pathSum)) return entry
    throw unsupported(header.path, "another entry was there when the image was planned")
  }
  throw unsupported("", "it has fewer files than when the image was planned")
}

/** The image, in chunks of 256 KiB. The last is given once the cursor has come to its end, and so all is verified. */
export const writePlan = async function* (
  plan: ErofsPlan,
  cursor: EntryCursor<ArchiveEntry>,
  signal?: AbortSignal
): AsyncGenerator<Uint8Array, void, void> {
  const { inodes } = plan
  const turns = new Turns(signal)
  const writer = new ImageWriter(plan, await uuidOf(plan, turns))
  const { output } = writer
  for (let ino = 0; ino < inodes.length; ino++) {
    writer.begin(ino)
    const size = inodes.size(ino)
    if (!inodes.isFile(ino) || size === 0) {
      for (const piece of knownBytes(plan, ino)) {
        writer.body(piece)
        if (output.hasChunk) yield* bytesOf(output.take())
      }
    } else {
      const { header, body } = await nextFile(cursor, size, plan.pathSums?.get(ino))
      let seen = 0
      for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
        seen += piece.length
        if (seen > size) break
        writer.body(piece)
        if (output.hasChunk) yield* bytesOf(output.take())
      }
      if (seen !== size) throw unsupported(header.path, `its size is ${size}, and it has ${counted(seen, "byte")}`)
    }
    writer.end(ino)
    if (output.hasChunk) yield* bytesOf(output.take())
    const turn = turns.takeOfEntry()
    if (turn !== undefined) await turn
  }
  while ((await cursor.next()) !== undefined);
  writer.finish()
  yield* bytesOf(output.take())
}

/**
 * The image without the bytes of its files, each of which begins at its inode's `position`: chunks, and where they are. What is between
 * them, and is not a file's, is zeros.
 */
export const writeFrame = async function* (plan: ErofsPlan, signal?: AbortSignal): AsyncGenerator<Chunk, void, void> {
  const { inodes } = plan
  const turns = new Turns(signal)
  const writer = new ImageWriter(plan, await uuidOf(plan, turns))
  const { output } = writer
  for (let ino = 0; ino < inodes.length; ino++) {
    writer.begin(ino)
    if (inodes.isFile(ino)) writer.skipBody()
    else for (const piece of knownBytes(plan, ino)) writer.body(piece)
    writer.end(ino)
    if (output.hasChunk) yield* output.take()
    const turn = turns.take()
    if (turn !== undefined) await turn
  }
  writer.finish()
  yield* output.take()
}

/** A plan, and what it was planned for; the cursor is closed, also where the image is left before its end, or `signal` aborts. */
export const plannedImage = async function* (
  plan: () => Promise<ErofsPlan>,
  open: ErofsSource["bodies"],
  signal?: AbortSignal
): AsyncGenerator<Uint8Array, void, void> {
  const planned = await plan()
  const bodies = open()
  try {
    yield* writePlan(planned, bodies, signal)
  } finally {
    bodies.close()
  }
}

/** The same, of a tree whose headers say what is planned. */
export const erofsImage = ({ headers, bodies }: ErofsSource, options: ErofsOptions = {}) =>
  plannedImage(async () => {
    const cursor = headers()
    try {
      return await readPlan(cursor, options)
    } finally {
      cursor.close()
    }
  }, bodies)
