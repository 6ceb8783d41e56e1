/** What an archive begins as, and what to do where it is nothing that is read. */

import { standardInput } from "../../image/reference/LocalReference.ts"
import { type Compression, compressionOf, unsupportedCompression } from "../../layer/compression/compressionOf.ts"
import { blockBytes, hasChecksum } from "../../layer/tar/HeaderBlock.ts"
import { unusable } from "./Container.ts"

/** The program that undoes it, to its standard output. */
const programs: Readonly<Record<string, string>> = {
  bzip2: "bzip2 -dc",
  xz: "xz -dc",
  lzip: "lzip -dc",
  lz4: "lz4 -dc",
  compress: "gzip -dc"
}

const startsWith = (bytes: Uint8Array, text: string) => Buffer.from(bytes).toString("latin1", 0, text.length) === text

/** By its first block. Throws `InvalidSource` with what it is. */
export const archiveForm = (beginning: Uint8Array, name: string): Compression => {
  const form = compressionOf(beginning)
  // A tar whose first name begins like another format is a tar.
  const isTar = beginning.length >= blockBytes && hasChecksum(Buffer.from(beginning))
  if (form !== "plain" || isTar) return form
  const compression = unsupportedCompression(beginning)
  if (compression !== undefined) {
    const path = name.slice(name.indexOf(":") + 1)
    const file = path === standardInput ? "" : ` ${path}`
    const how = `${programs[compression]}${file} | ociflow pull -`
    throw unusable({ name }, `it is compressed with ${compression}; gzip and zstd are read. Decompress it: ${how}`)
  }
  if (startsWith(beginning, "PK\u0003\u0004")) throw unusable({ name }, "it is a zip archive, and no tar")
  return form
}
