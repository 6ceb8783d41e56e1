/** What the catalogue names: each reference with its images, and their documents. */
import * as Effect from "effect/Effect"
import { SqlClient } from "../database/Sql.ts"
import type { RecordKey } from "../records/Records.ts"
import type { Reachable } from "../records/removeUnreachable.ts"

interface Row {
  readonly reference: string
  readonly digest: string
  readonly manifest: string | null
  readonly os: string
  readonly architecture: string
  readonly variant: string | null
}

export const reachable = Effect.gen(function* () {
  const sql = yield* SqlClient
  const images = yield* sql<Row>`
    SELECT i.reference, i.digest, m.digest AS manifest,
      m.platform_os AS os, m.platform_arch AS architecture, m.platform_variant AS variant
    FROM images i LEFT JOIN manifests m ON m.image_id = i.id`
  const documents = yield* sql<{ digest: string }>`
    SELECT digest FROM indexes UNION SELECT digest FROM manifests UNION SELECT digest FROM configs`
  const records = new Map<string, Array<RecordKey>>()
  for (const { reference, digest, manifest, os, architecture, variant } of images) {
    const keys = records.get(reference) ?? []
    records.set(reference, keys)
    const platform = { os, architecture, ...(variant === null ? {} : { variant }) }
    if (manifest !== null) keys.push({ digest, platform, manifest })
  }
  const found: Reachable = { records, digests: new Set(documents.map(({ digest }) => digest)) }
  return found
})
