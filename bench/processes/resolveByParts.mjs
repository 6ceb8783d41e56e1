/** What `ociflow/registry` does to resolve a tag, by what it is made of alone: two requests, two digests, two documents. */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { defer, lastValueFrom } from "rxjs"
import { request } from "undici"

const [base, tag] = process.argv.slice(2)

const Descriptor = Schema.Struct({ mediaType: Schema.String, digest: Schema.String, size: Schema.Number })
const Manifest = Schema.Struct({ config: Descriptor, layers: Schema.Array(Descriptor) })
const Config = Schema.Struct({ architecture: Schema.String, os: Schema.String })
const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

const read = Effect.fnUntraced(function* (schema, path) {
  const answer = yield* Effect.promise(() => request(`${base}/${path}`, { headers: { accept } }))
  const bytes = Buffer.from(yield* Effect.promise(() => answer.body.arrayBuffer()))
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`
  return { digest, document: yield* Schema.decodeUnknownEffect(schema)(JSON.parse(bytes.toString())) }
})

const resolve = Effect.gen(function* () {
  const { document } = yield* read(Manifest, `manifests/${tag}`)
  const { digest } = yield* read(Config, `blobs/${document.config.digest}`)
  if (digest !== document.config.digest) throw new Error("another config")
})

await lastValueFrom(
  defer(() => Effect.runPromise(resolve)),
  { defaultValue: undefined }
)
process.exit(0)
