/** The commands that look and pull nothing: `resolve`, `tags`, `manifest`, `referrers`, `blob`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { json, reference, text } from "./flags.ts"
import { network, reached } from "./network.ts"

const way = lazyImport(() => import("../actions/lookup.ts"))

const resolve = (library: Library) =>
  Command.make(
    "resolve",
    { reference, network, json },
    Effect.fnUntraced(function* ({ reference, json, network }) {
      const { resolve } = yield* way
      yield* resolve(reference, json).pipe(Effect.provide(library(reached(network))), reportFailure(json))
    })
  ).pipe(Command.withDescription("Resolve a reference to its digest, platforms and sizes"))

const tags = (library: Library) =>
  Command.make(
    "tags",
    { reference, network, json },
    Effect.fnUntraced(function* ({ reference, json, network }) {
      const { tags } = yield* way
      yield* tags(reference, json).pipe(Effect.provide(library(reached(network))), reportFailure(json))
    })
  ).pipe(Command.withDescription("List the tags of a repository"))

const manifest = (library: Library) =>
  Command.make(
    "manifest",
    {
      reference,
      platform: text("platform", "OS/ARCH[/VARIANT]", "The manifest for this platform (default: the index, if any)"),
      network,
      json
    },
    Effect.fnUntraced(function* ({ reference, platform, json, network }) {
      const { manifest } = yield* way
      yield* manifest(reference, platform, json).pipe(Effect.provide(library(reached(network))), reportFailure(json))
    })
  ).pipe(Command.withDescription("Print a manifest or an index, byte for byte if the output is not a terminal"))

const referrers = (library: Library) =>
  Command.make(
    "referrers",
    { reference, artifactType: text("artifact-type", "TYPE", "List only artifacts of this type"), network, json },
    Effect.fnUntraced(function* ({ reference, artifactType, json, network }) {
      const { referrers } = yield* way
      yield* referrers(reference, artifactType, json).pipe(
        Effect.provide(library(reached(network))),
        reportFailure(json)
      )
    })
  ).pipe(Command.withDescription("List artifacts attached to an image (signatures, SBOMs)"))

const blob = (library: Library) =>
  Command.make(
    "blob",
    {
      reference,
      digest: Argument.String("DIGEST").pipe(Argument.withDescription("Any blob of the repository: algorithm:hex")),
      network
    },
    Effect.fnUntraced(function* ({ reference, digest, network }) {
      const { blob } = yield* lazyImport(() => import("../actions/lookup.ts"))
      yield* blob(reference, digest).pipe(Effect.provide(library(reached(network))), reportFailure(false))
    })
  ).pipe(
    Command.withDescription("Print a blob, byte for byte; the last bytes are written only if the digest is right"),
    Command.withExamples([
      { command: "ociflow blob alpine sha256:… > layer.tar.gz", description: "Save a layer as it is in the registry" }
    ])
  )

export const lookupCommands = (library: Library) =>
  [resolve(library), tags(library), manifest(library), referrers(library), blob(library)] as const
