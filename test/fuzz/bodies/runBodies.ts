/** One case: a body in HTTP chunks, by itself and over a connection, and which law is broken, if any. */
import { createHash } from "node:crypto"
import { openRegistry } from "../../../src/registry.ts"
import { ChunkedBody, InvalidChunk } from "../../../src/seams/undici/ChunkedBody.ts"
import { Prng } from "../../../src/testing/image/Prng.ts"
import { watchAllocations } from "../allocations.ts"
import { type Answering, type CaseServer, headOf, type RawAnswer, withLength } from "../CaseServer.ts"
import { judge } from "../errorLaws.ts"
import type { Case, Verdict } from "../Verdict.ts"
import { chunkedText, decodeChunks, mutateChunks } from "./chunkedText.ts"

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const largest = 8 * 2 ** 20

const cut = (bytes: Buffer, random: Prng): ReadonlyArray<Buffer> => {
  const most = random.pick([1, 5, 600, 20_000, 2 ** 20])
  const pieces: Array<Buffer> = []
  for (let at = 0; at < bytes.length; ) {
    const length = pieces.length > 60 ? bytes.length : 1 + random.below(most)
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

/** What undici's parser is given for the pieces; `undefined` where they are refused. */
const through = (pieces: ReadonlyArray<Buffer>): ReadonlyArray<Buffer> | undefined => {
  const body = new ChunkedBody()
  try {
    return pieces.map((piece) => body.push(piece))
  } catch (error) {
    if (error instanceof InvalidChunk) return undefined
    throw error
  }
}

/** The chunks are put together, and say what they said; however they are cut. */
const wrongAlone = (bytes: Buffer, intact: boolean, random: Prng): string | undefined => {
  const wanted = decodeChunks(bytes)
  const pieces = cut(bytes, random)
  const given = through(pieces)
  if (given === undefined) {
    if (intact) return "intact chunks are refused"
    return through([bytes]) === undefined ? undefined : "refused in pieces, and not as a whole"
  }
  if (wanted === undefined) return "chunks that are none are handed on"
  const found = decodeChunks(Buffer.concat(given))
  if (found === undefined) return "what is handed on is not chunks"
  if (!found.data.equals(wanted.data)) return "other bytes are handed on"
  if ((found.rest === undefined) !== (wanted.rest === undefined)) return "another end is handed on"
  return found.rest === undefined || wanted.rest?.equals(found.rest) ? undefined : "other trailers are handed on"
}

const heads: ReadonlyArray<ReadonlyArray<string>> = [
  ["transfer-encoding: chunked"],
  ["transfer-encoding: chunked"],
  ["transfer-encoding: chunked"],
  ["Transfer-Encoding:  Chunked "],
  ["transfer-encoding:", " chunked"],
  ["x: y", "transfer-encoding: chunked", "trailer: a"]
]

const oddHeads: ReadonlyArray<ReadonlyArray<string>> = [
  ["transfer-encoding: gzip, chunked"],
  ["transfer-encoding: chunked", "transfer-encoding: chunked"],
  ["transfer-encoding: chunked", "content-length: 5"],
  ["content-length: 5", "transfer-encoding: chunked"],
  ["transfer-encoding: chunked, chunked"],
  ["transfer-encoding: xchunked"],
  ["transfer-encoding: chunked", "content-encoding: gzip"]
]

export const runBodies = async ({ seed, number }: Case, server: CaseServer): Promise<Verdict> => {
  const random = new Prng(`${seed}:${number}`)
  const problems: Array<string> = []
  const isDocument = random.chance(0.5)
  const filler = random.bytes(random.below(random.pick([10, 300, 5000, 100_000])))
  const body = isDocument
    ? Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [], annotations: { a: filler.toString("hex") } }))
    : filler
  const chunked = chunkedText(body, random)
  const isMutated = random.chance(0.6)
  const sent = isMutated ? mutateChunks(chunked.bytes, random) : chunked.bytes
  const odd = random.chance(0.08) ? oddHeads[random.below(oddHeads.length)] : undefined
  const intact = chunked.intact && !isMutated && odd === undefined
  const head = [
    ...(random.chance(0.1) ? ["HTTP/1.1 100 Continue", ""] : []),
    ...(random.chance(0.05) ? ["HTTP/1.1 103 Early Hints", "link: <x>", ""] : []),
    "HTTP/1.1 200 OK",
    ...(odd ?? heads[random.below(heads.length)] ?? []),
    "",
    ""
  ].join("\r\n")
  const isStalled = random.chance(0.01)
  const first: RawAnswer = {
    pieces: cut(Buffer.concat([Buffer.from(head), sent]), random),
    end: intact ? "keep" : isStalled ? "stall" : random.pick(["close", "close", "reset"])
  }
  const isHonest = random.chance(0.5)
  let asked = 0
  const answering: Answering = ({ method, from }) => {
    if (method === "HEAD") return headOf(withLength("200 OK", [], body))
    if (asked++ === 0 || !isHonest) return first
    if (from === undefined || random.chance(0.3)) return withLength("200 OK", [], body)
    const range = `content-range: bytes ${from}-${body.length - 1}/${body.length}`
    return withLength("206 Partial Content", [range], body.subarray(from))
  }

  const tooLarge = watchAllocations(largest)
  const alone = wrongAlone(sent, chunked.intact && !isMutated, random)
  if (alone !== undefined) problems.push(alone)
  let outcome = "read"
  const wanted = digestOf(body)
  const whole = decodeChunks(sent)
  // A document's digest is not known, nor is its size: the chunks alone tell that it is whole.
  const others = isDocument && whole?.rest !== undefined ? [digestOf(whole.data)] : []
  const check = (found: string) => {
    if (![wanted, ...others].includes(found)) problems.push("other bytes than were sent")
  }
  const read = async () => {
    await using client = await openRegistry({
      retry: { times: 2, base: 1, cap: 2 },
      // Time decides of nothing but what is silent.
      timeouts: isStalled ? { idle: 150, headers: 500 } : {},
      credentials: {},
      hosts: {}
    })
    const reference = `${server.host}/a/b`
    try {
      if (isDocument) check((await client.manifest(`${reference}:t`)).digest)
      else {
        const pieces: Array<Uint8Array> = []
        for await (const piece of client.blob(`${reference}@${wanted}`, wanted)) pieces.push(piece)
        check(digestOf(Buffer.concat(pieces)))
      }
    } catch (error) {
      const { outcome: tag, broken } = judge(error)
      outcome = tag
      if (broken !== undefined) problems.push(broken)
      if (intact) problems.push(`an intact body is refused: ${error}`)
    }
  }
  const left = await server.during(answering, read)
  if (left !== undefined) problems.push(left)
  const dear = tooLarge()
  if (dear !== undefined) problems.push(dear)
  const verdict = { outcome, kept: { body, sent } }
  return problems.length === 0 ? verdict : { ...verdict, broken: problems.join("; ") }
}
