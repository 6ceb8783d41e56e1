/** What an archive begins as, and what to do where it is nothing that is read. */

import type { Compression } from "../../layer/compression/Compression.ts"
import { compressionNames, compressionOf, unsupportedCompression } from "../../layer/compression/compressions.ts"
import { blockBytes, hasChecksum } from "../../layer/tar/HeaderBlock.ts"
import { standardInput } from "../file/LocalReference.ts"
import { unusable } from "./Container.ts"

const startsWith = (bytes: Uint8Array, text: string) => Buffer.from(bytes).toString("latin1", 0, text.length) === text

/** Quotes a text so that a shell takes it as one word. */
const shellWord = (text: string) =>
  /^[\p{L}\p{N}_./:@%+=,][\p{L}\p{N}_./:@%+=,-]*$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** The compression of an archive, judged by its first block; `undefined` for a plain tar. Throws `InvalidSource`, which says what it is instead. */
export const archiveForm = (beginning: Uint8Array, name: string): Compression | undefined => {
  const compression = compressionOf(beginning)
  // A tar whose first name begins like another format is a tar.
  const isTar = beginning.length >= blockBytes && hasChecksum(Buffer.from(beginning))
  if (compression !== undefined || isTar) return compression
  const unsupported = unsupportedCompression(beginning)
  if (unsupported !== undefined) {
    const path = name.slice(name.indexOf(":") + 1)
    const file = path === standardInput ? "" : ` ${shellWord(path)}`
    const how = `${unsupported.command}${file} | ociflow pull -`
    const problem = `it is compressed with ${unsupported.name}; only ${compressionNames.join(" and ")} are supported`
    throw unusable({ name }, `${problem}. Decompress it: ${how}`)
  }
  if (startsWith(beginning, "PK\u0003\u0004")) throw unusable({ name }, "it is a zip archive, not a tar")
  return undefined
}
