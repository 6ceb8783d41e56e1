/** `ociflow verify-signature`: the signatures that satisfied the rule, for people or with `--json` as an object. */
import * as Effect from "effect/Effect"
import type { PullEvent } from "../../../api/events.ts"
import { printable, printableJson } from "../../../api/printable.ts"
import type { VerifiedSignature } from "../../../api/signatures.ts"
import { Puller } from "../../../Puller.ts"
import { Output } from "../../Output.ts"
import { table } from "../../text/table.ts"
import { telling } from "../lookup.ts"

const rowsOf = ({ signer, issuer, kind, digest, predicateType, integratedTime, logIndex }: VerifiedSignature) =>
  Object.entries({ signer, issuer, kind, digest, statement: predicateType, logged: integratedTime, entry: logIndex })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, printable(String(value), 1000)])

export const verifySignature = Effect.fnUntraced(function* (
  reference: string,
  platform: string | undefined,
  json: boolean
) {
  const { stdout } = yield* Output
  const tell = yield* telling
  const verified: Array<VerifiedSignature> = []
  const listen = (event: PullEvent) => {
    if (event._tag !== "Verified") {
      tell(event)
      return
    }
    const { _tag, ...signature } = event
    verified.push(signature)
  }
  // The config is a document, and what reads it checks the signatures of its image first.
  yield* Puller.use((puller) => puller.config(reference, { platform, policy: "always" }, listen))
  const text = json
    ? printableJson({ reference, verified })
    : verified.length === 0
      ? "accepted: the rule asks for no signature"
      : verified.map((it) => table(rowsOf(it))).join("\n\n")
  stdout.write(`${text}\n`)
})
