/** What messages of entries take of the worker's credit: the same on both sides. */
import type { EntryHeader } from "../Entry.ts"
import type { EntryMessage } from "./WorkerMessage.ts"

/** What an object of a message takes beside the bytes in it. */
const overhead = { message: 512, attribute: 256, segment: 64 }

/** Bytes that a header counts for, the object that it is not among them. */
export const weightOfHeader = ({ path, linkPath, xattrs, sparse = [] }: EntryHeader): number => {
  let bytes = path.length + linkPath.length + sparse.length * overhead.segment
  for (const [name, value] of xattrs) bytes += overhead.attribute + name.length + value.length
  return bytes
}

/** Bytes of credit that a message takes: the same on both sides. A small blob can hold large headers, many of them. */
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
