import { createWriteStream } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { ExportOptions } from "../../../src/api/config.ts"
import type { Client } from "../../../src/client.ts"
import type { References } from "../../../src/export/ExportFunction.ts"

/** An export in a file. */
export const written = async (
  oci: Pick<Client, "export">,
  reference: References,
  path: string,
  options?: ExportOptions
): Promise<string> => {
  await pipeline(Readable.from(oci.export(reference, options)), createWriteStream(path))
  return path
}
