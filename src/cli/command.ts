/**
 * The command line's grammar. It knows how to ask; what is asked for is a `Library`, so that tests can give another one.
 *
 *     ociflow pull REF      ociflow images      ociflow inspect REF
 *     ociflow resolve REF   ociflow tags REF    ociflow manifest REF      ociflow referrers REF
 *     ociflow blob REF DIGEST
 *     ociflow rm REF…       ociflow prune       ociflow du       ociflow verify
 *     ociflow login HOST    ociflow logout HOST
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import {
  access,
  count,
  directory,
  extraction,
  json,
  optional,
  reference,
  root,
  switched,
  text
} from "./commands/flags.ts"
import { loginCommands } from "./commands/loginCommands.ts"
import { lookupCommands } from "./commands/lookupCommands.ts"
import { network, reached } from "./commands/network.ts"
import { storeCommands } from "./commands/storeCommands.ts"
import type { Library } from "./Library.ts"
import { lazyImport } from "./lazyImport.ts"
import { reportFailure } from "./reportFailure.ts"

const pull = (library: Library) =>
  Command.make(
    "pull",
    {
      reference,
      root,
      layersDir: directory("layers-dir", "Keep extracted layers in this directory (default: layers, in the root)"),
      access,
      keepBlobs: directory("keep-blobs", "Keep the blobs too, in this OCI layout (skopeo reads it as oci:DIR:TAG)"),
      ...extraction,
      platform: text("platform", "OS/ARCH[/VARIANT]", "Pull for this platform (default: the host's)"),
      name: text("name", "REF", "Store an image from a file under this reference (default: where it came from)"),
      policy: Flag.Literals("policy", ["missing", "always", "never"]).pipe(
        Flag.withDescription("missing: use the store if complete; always: ask the registry; never: use only the store"),
        Flag.withDefault("missing")
      ),
      network,
      concurrency: count("concurrency", "Layers downloaded at once").pipe(Flag.withDefault(3)),
      ranges: optional(count("ranges", "Ranges of one blob downloaded at once, at most 16 (default: 1)")),
      durability: Flag.Literals("durability", ["crash", "power"]).pipe(
        Flag.withDescription("power: sync each layer to disk before publishing it"),
        Flag.withDefault("crash")
      ),
      preflight: Flag.Literals("preflight", ["warn", "refuse", "off"]).pipe(
        Flag.withDescription("What to do if the image may not fit on the disk"),
        Flag.withDefault("warn")
      ),
      quiet: switched("quiet", "Print the image's name and digest and nothing else"),
      json: switched("json", "Print each event as a line of JSON; the last is Pulled, Failed or Interrupted")
    },
    Effect.fnUntraced(function* ({
      reference,
      root,
      layersDir,
      access,
      keepBlobs,
      ownership,
      statFormat,
      layout,
      platform,
      name,
      policy,
      network,
      concurrency,
      ranges,
      durability,
      preflight,
      quiet,
      json
    }) {
      const level = yield* GlobalFlag.LogLevel
      const way = yield* lazyImport(() => import("./actions/pull.ts"))
      yield* way
        .pull(
          library({
            root,
            layersDir,
            access,
            keepBlobs,
            ownership,
            statFormat,
            layout,
            ...reached(network),
            concurrency,
            ranges,
            durability
          }),
          reference,
          { platform, policy, preflight, name },
          { json, quiet, plain: Option.isSome(level) }
        )
        .pipe(reportFailure(json))
    })
  ).pipe(
    Command.withDescription("Pull an image; verify and extract its layers"),
    Command.withExamples([
      { command: "ociflow pull alpine:3.20", description: "Pull from Docker Hub, for this machine" },
      { command: "ociflow pull ghcr.io/org/app@sha256:… --platform linux/arm64 --json", description: "For a script" },
      { command: "docker save app | ociflow pull - --name app:1", description: "From what docker save writes" }
    ])
  )

const limit = optional(count("limit", "List at most N images"))
const after = text("after", "REF", "List images after this reference (the last one of the previous page)")

const images = (library: Library) =>
  Command.make(
    "images",
    { root, access, limit, after, ...extraction, json },
    Effect.fnUntraced(function* ({ limit, after, json, ...options }) {
      const way = yield* lazyImport(() => import("./actions/images.ts"))
      yield* way.images({ limit, after }, json).pipe(Effect.provide(library(options)), reportFailure(json))
    })
  ).pipe(Command.withDescription("List the images that the store holds"))

const inspect = (library: Library) =>
  Command.make(
    "inspect",
    {
      reference,
      root,
      access,
      ...extraction,
      config: switched("config", "Print the image's config; from its registry if the store does not have the image"),
      platform: text("platform", "OS/ARCH[/VARIANT]", "With --config: for this platform (default: the host's)"),
      network,
      json
    },
    Effect.fnUntraced(function* ({ reference, config, platform, network, json, ...options }) {
      const way = yield* lazyImport(() => import("./actions/inspect.ts"))
      const inspecting = config ? way.showConfig(reference, platform, json) : way.inspect(reference, json)
      yield* inspecting.pipe(Effect.provide(library({ ...options, ...reached(network) })), reportFailure(json))
    })
  ).pipe(Command.withDescription("Show what the store knows about an image, or its config"))

export const ociflow = (library: Library) =>
  Command.make("ociflow").pipe(
    Command.withDescription("Pull OCI and Docker images without a daemon"),
    Command.withSubcommands([
      pull(library),
      images(library),
      inspect(library),
      ...lookupCommands(library),
      ...storeCommands(library),
      ...loginCommands
    ])
  )
