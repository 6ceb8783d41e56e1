/** Puts an image into a registry, under the tag `latest` (distribution-spec, "Pushing manifests and blobs"). */
import type { TestImage } from "../../src/testing/index.ts"
import { CommandFailed } from "./Command.ts"

const send = async (
  url: string | URL,
  method: string,
  body?: Buffer<ArrayBuffer>,
  type?: string
): Promise<Response> => {
  const headers = { "content-type": type ?? "application/octet-stream" }
  const response = await fetch(url, { method, headers, ...(body && { body }) })
  if (!response.ok) throw new CommandFailed(`${method} ${url}: ${response.status}`)
  return response
}

export const pushImage = async (origin: string, name: string, image: TestImage): Promise<void> => {
  for (const [digest, blob] of image.blobs) {
    const pieces: Array<Uint8Array> = []
    for await (const piece of blob.read(0, blob.size)) pieces.push(piece)
    const started = await send(`${origin}/v2/${name}/blobs/uploads/`, "POST")
    const upload = new URL(started.headers.get("location") ?? "", origin)
    upload.searchParams.set("digest", digest)
    await send(upload, "PUT", Buffer.concat(pieces))
  }
  // The one that the tag names comes last: it may be an index of the others.
  for (const [digest, { bytes, mediaType }] of image.documents)
    if (digest !== image.digest)
      await send(`${origin}/v2/${name}/manifests/${digest}`, "PUT", Buffer.from(bytes), mediaType)
  const named = image.documents.get(image.digest)
  if (named === undefined) throw new CommandFailed(`${name}: an image without its manifest`)
  await send(`${origin}/v2/${name}/manifests/latest`, "PUT", Buffer.from(named.bytes), named.mediaType)
}
