/** The commands that show what the store holds: `images`, `inspect`. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { access, count, json, optional, pulledWith, reference, root, switched, text } from "./flags.ts"
import { network, reached } from "./network.ts"

const limit = optional(count("limit", "List at most N images"))
const after = text("after", "REF", "List images after this reference (the last one of the previous page)")

const images = (library: Library) =>
  Command.make(
    "images",
    { root, access, limit, after, ...pulledWith, json },
    Effect.fnUntraced(function* ({ limit, after, json, ...options }) {
      const way = yield* lazyImport(() => import("../actions/images.ts"))
      yield* way.images({ limit, after }, json).pipe(Effect.provide(library(options)), reportFailure(json))
    })
  ).pipe(Command.withDescription("List the images in the store"))

const inspect = (library: Library) =>
  Command.make(
    "inspect",
    {
      reference,
      root,
      access,
      ...pulledWith,
      config: switched("config", "Print the image's config, from the registry if the image is not in the store"),
      platform: text("platform", "OS/ARCH[/VARIANT]", "With --config: for this platform (default: the host's)"),
      network,
      json
    },
    Effect.fnUntraced(function* ({ reference, config, platform, network, json, ...options }) {
      const way = yield* lazyImport(() => import("../actions/inspect.ts"))
      const inspecting = config ? way.showConfig(reference, platform, json) : way.inspect(reference, json)
      yield* inspecting.pipe(Effect.provide(library({ ...options, ...reached(network) })), reportFailure(json))
    })
  ).pipe(Command.withDescription("Show what the store knows about an image, or its config"))

export const imageCommands = (library: Library) => [images(library), inspect(library)] as const
