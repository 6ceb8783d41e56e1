/** The commands that look after the store: `rm`, `prune`, `du`, `verify`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { parseAge, parseBytes } from "../text/quantities.ts"
import { access, directory, json, optional, reference, repairedWith, root, switched } from "./flags.ts"
import { network, reached } from "./network.ts"

const way = lazyImport(() => import("../actions/housekeeping.ts"))
const layersDir = directory("layers-dir", "Directory of the extracted layers (default: layers, in the root)")

/** What a call that was wrong is told to expect. */
const examples = {
  AGE: "an age, such as 90s, 30m, 12h, 7d or 2w",
  SIZE: "a size, such as 500MB, 20GiB or a number of bytes"
} as const

const quantity = (
  name: string,
  metavar: keyof typeof examples,
  says: string,
  parse: (text: string) => number | undefined
) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(says),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parse(text)),
      () => examples[metavar]
    ),
    optional
  )

const remove = (library: Library) =>
  Command.make(
    "rm",
    { references: Argument.variadic(reference, { min: 1 }), root, layersDir, access, json },
    Effect.fnUntraced(function* ({ references, json, ...options }) {
      const { remove } = yield* way
      yield* remove(references, json).pipe(Effect.provide(library(options)), reportFailure(json))
    })
  ).pipe(Command.withDescription("Remove images, and the layers that only they need"))

const prune = (library: Library) =>
  Command.make(
    "prune",
    {
      root,
      layersDir,
      access,
      dryRun: switched("dry-run", "Show what would be removed, without removing it"),
      unusedFor: quantity("unused-for", "AGE", "Also remove images not used for this long: 12h, 30d, 2w", parseAge),
      keepBytes: quantity(
        "keep",
        "SIZE",
        "Also remove the least recently used images until the rest fits: 20GiB",
        parseBytes
      ),
      partialsFor: quantity(
        "partials-for",
        "AGE",
        "Keep partial downloads younger than this (default: none)",
        parseAge
      ),
      json
    },
    Effect.fnUntraced(function* ({ root, layersDir, access, json, ...how }) {
      const { prune } = yield* way
      yield* prune(how, json).pipe(Effect.provide(library({ root, layersDir, access })), reportFailure(json))
    })
  ).pipe(
    Command.withDescription(
      "Remove layers that no image needs, partial downloads, and the images that the flags select"
    )
  )

const du = (library: Library) =>
  Command.make(
    "du",
    { root, layersDir, access, json },
    Effect.fnUntraced(function* ({ json, ...options }) {
      const { du } = yield* way
      yield* du(json).pipe(Effect.provide(library(options)), reportFailure(json))
    })
  ).pipe(Command.withDescription("Show how much disk space the store uses"))

const verify = (library: Library) =>
  Command.make(
    "verify",
    {
      root,
      layersDir,
      access,
      repair: switched("repair", "Pull again what is missing or changed"),
      network,
      ...repairedWith,
      json
    },
    Effect.fnUntraced(function* ({ repair, json, network, ...options }) {
      const { verify } = yield* way
      yield* verify(repair, json).pipe(
        Effect.provide(library({ ...options, ...reached(network) })),
        reportFailure(json)
      )
    })
  ).pipe(Command.withDescription("Check that stored images are complete and unchanged; exits with 1 if not"))

export const storeCommands = (library: Library) =>
  [remove(library), prune(library), du(library), verify(library)] as const
