/** The tree of an image that the store holds. */
import { InvalidOption } from "../../../api/errors.ts"
import type { PulledImage } from "../../../api/events.ts"
import { decode } from "../../../layer/Directory.ts"
import type { EntryCursor } from "../../../layer/EntryCursor.ts"
import type { StoredQuestion } from "../../../layer/messages/WorkerJob.ts"
import type { ExtractionPool, StoredEntry } from "../../../layer/pool/ExtractionPool.ts"

/** Two directories that `strip` makes one are given once; any other two are a contradiction. */
const withoutRepeats = (cursor: EntryCursor<StoredEntry>): EntryCursor<StoredEntry> => {
  const seen = new Map<string, string>()
  const next = async (): Promise<StoredEntry | undefined> => {
    for (;;) {
      const entry = await cursor.next()
      if (entry === undefined) return entry
      const { path, type } = entry.header
      const before = seen.get(path)
      seen.set(path, type)
      if (before === undefined) return entry
      if (before === "directory" && type === "directory") continue
      throw new InvalidOption({
        option: "strip",
        problem: `gives two paths the same name: ${JSON.stringify(decode(path))}`
      })
    }
  }
  return { next, close: cursor.close }
}

/** Its directories. A layer that is repeated counts where it is highest: beneath itself it has nothing to add. */
export const storedTreeOf = ({ rootfs, erofs, layers }: PulledImage) => {
  const highest = [...new Map(layers.toReversed().map(({ digest, path }) => [path, digest]))]
  const merged = rootfs ?? erofs
  const directories = merged === undefined ? highest.map(([path]) => path) : [merged]
  const digests = merged === undefined ? highest.map(([, digest]) => digest) : [""]
  return { directories, digests }
}

export const askStored = (
  pool: ExtractionPool["Service"],
  image: PulledImage,
  question: StoredQuestion
): EntryCursor<StoredEntry> => {
  const cursor = pool.stored(image.manifestDigest, { ...storedTreeOf(image), question })
  return (question.strip ?? 0) > 0 ? withoutRepeats(cursor) : cursor
}
