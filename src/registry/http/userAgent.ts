/** What we call ourselves. */
import { readFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { packageManifest } from "../../assets.ts"

/** `ociflow/<version>`; without the number where the package was bundled into another. */
export const userAgent: Effect.Effect<string> = Effect.tryPromise(async () => {
  const text = await readFile(packageManifest(), "utf8")
  const { name, version } = JSON.parse(text) as { readonly name: unknown; readonly version: unknown }
  return name === "ociflow" && typeof version === "string" && /^[0-9A-Za-z.+-]+$/.test(version)
    ? `ociflow/${version}`
    : "ociflow"
}).pipe(Effect.orElseSucceed(() => "ociflow"))
