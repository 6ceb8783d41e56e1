/** `GET` and `HEAD /v2/<name>/blobs/<digest>`, and the same on the storage server. RFC 9110 §14 for ranges. */
import { type Content, partOf } from "../../Content.ts"
import { failure, type Reply, reply } from "../http/Reply.ts"

/** `undefined`: no range, or one that is served as a whole (several parts, another unit). `null`: cannot be satisfied. */
export const parseRange = (header: string | undefined, size: number): readonly [number, number] | null | undefined => {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? []
  if (first === "" && last === "") return undefined
  if (first === "") return last === "0" || size === 0 ? null : [Math.max(0, size - Number(last)), size]
  if (last !== "" && Number(last) < Number(first)) return undefined
  if (Number(first) >= size) return null
  return [Number(first), last === "" ? size : Math.min(size, Number(last) + 1)]
}

export const serveBlob = (content: Content | undefined, digest: string, range: string | undefined): Reply => {
  if (content === undefined) return failure(404, "BLOB_UNKNOWN", `blob unknown to registry: ${digest}`)
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`
  }
  const bounds = parseRange(range, content.size)
  if (bounds === null)
    return failure(416, "RANGE_INVALID", "range not satisfiable", { "content-range": `bytes */${content.size}` })
  if (bounds === undefined) return { ...reply(200, headers, content), whole: content, start: 0 }
  const [start, end] = bounds
  return {
    ...reply(
      206,
      { ...headers, "content-range": `bytes ${start}-${end - 1}/${content.size}` },
      partOf(content, start, end)
    ),
    whole: content,
    start
  }
}
