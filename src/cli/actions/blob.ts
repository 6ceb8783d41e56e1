/** `ociflow blob`: a blob's bytes to the output, as fast as that takes them. */
import { once } from "node:events"
import * as Effect from "effect/Effect"
import { PullError } from "../../api/errors.ts"
import { Puller } from "../../Puller.ts"
import { drain } from "../../reactive/bridge.ts"
import { Output } from "../Output.ts"

const isPullError = (u: unknown): u is PullError => u instanceof PullError

export const blob = Effect.fnUntraced(function* (reference: string, digest: string) {
  const { stdout } = yield* Output
  const write = async (chunk: Uint8Array) => {
    if (!stdout.write(chunk)) await once(stdout, "drain")
  }
  yield* Puller.use((puller) => drain(isPullError)(puller.blob$(reference, digest, {}, write)))
})
