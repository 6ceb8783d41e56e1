/** `ociflow verify-signature`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { InvalidOption, PullError } from "../../../api/errors.ts"
import type { Library } from "../../Library.ts"
import { lazyImport } from "../../lazyImport.ts"
import { reportFailure } from "../../reportFailure.ts"
import { json, reference, root, text } from "../flags.ts"
import { network, reached } from "../network.ts"
import { signatureFlags, verifyOf } from "./signatureFlags.ts"

const nothingGiven = new InvalidOption({ option: "--key", problem: "is needed, or --identity, or --policy-file" })

export const signatureCommand = (library: Library) =>
  Command.make(
    "verify-signature",
    {
      reference,
      ...signatureFlags(""),
      platform: text("platform", "OS/ARCH[/VARIANT]", "Verify the image for this platform (default: the host's)"),
      root,
      network,
      json
    },
    Effect.fnUntraced(function* ({ reference, platform, root, network, json, ...flags }) {
      const { verifySignature } = yield* lazyImport(() => import("../../actions/signatures/verifySignature.ts"))
      yield* Effect.gen(function* () {
        const verify = yield* verifyOf(flags)
        if (verify === undefined) return yield* new PullError({ reference: "(verify)", reason: nothingGiven })
        const client = library({ root, verify, ...reached(network) })
        yield* verifySignature(reference, platform, json).pipe(Effect.provide(client))
      }).pipe(reportFailure(json))
    })
  ).pipe(
    Command.withDescription("Verify who signed an image; download its documents and signatures alone"),
    Command.withExamples([
      { command: "ociflow verify-signature ghcr.io/org/app:1 --key cosign.pub", description: "By a key" },
      {
        command:
          "ociflow verify-signature ghcr.io/org/app:1 --identity me@example.com --issuer https://accounts.google.com",
        description: "By an identity"
      }
    ])
  )
