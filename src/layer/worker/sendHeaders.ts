/** The headers of entries → the event loop, many in a message, no faster than it takes them. */
import type { OperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { HeadersMessage } from "../messages/WorkerMessage.ts"
import { weightOfHeader } from "../messages/weight.ts"
import { HeaderPacker } from "../packHeaders.ts"
import type { RingReader } from "../Ring.ts"
import type { Part } from "../tar/untar.ts"
import { compact, windowBytes } from "./sendEntries.ts"

/** Bytes of headers that are gathered for a message. */
const gathered = 2 ** 16
/** Bytes that a header counts for beside its texts. */
const perHeader = 32

export const sendHeaders = (ring: RingReader, post: (message: HeadersMessage) => void): OperatorFunction<Part, never> =>
  transduce(() => {
    const packer = new HeaderPacker()
    let weight = 0
    let sent = 0
    const give = () => {
      if (packer.count === 0) return
      sent = (sent + weight) | 0
      ring.awaitCredit(sent, Math.max(windowBytes, weight))
      post({ _tag: "Headers", headers: packer.take(), weight })
      weight = 0
    }
    return {
      push: (part) => {
        if (part._tag !== "Entry" && part._tag !== "Begin") return
        const { header } = part
        packer.add(header.xattrs.size === 0 ? header : compact(header))
        weight += perHeader + weightOfHeader(header)
        if (weight >= gathered) give()
      },
      end: give
    }
  })
