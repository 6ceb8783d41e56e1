/** The credit that messages of entries take, the same on both sides. */
import type { EntryHeader } from "../Entry.ts"
import type { EntryMessage } from "./WorkerMessage.ts"

/** The bytes that an object of a message takes, besides those in it. */
const overhead = { message: 512, attribute: 256, segment: 64 }

/** The bytes that a header counts for, without the header object itself. */
export const weightOfHeader = ({ path, linkPath, xattrs, sparse = [] }: EntryHeader): number => {
  let bytes = path.length + linkPath.length + sparse.length * overhead.segment
  for (const [name, value] of xattrs) bytes += overhead.attribute + name.length + value.length
  return bytes
}

/** The bytes of credit that a message takes. A small blob can hold many large headers. */
export const weight = (message: EntryMessage): number => {
  switch (message._tag) {
    case "Entry":
      return overhead.message + weightOfHeader(message.header) + (message.body?.length ?? 0)
    case "Begin":
      return overhead.message + weightOfHeader(message.header)
    case "Data":
      return overhead.message + message.chunk.length
    case "End":
      return overhead.message
  }
}
