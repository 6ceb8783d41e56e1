/** The commands that read an image without pulling it: `cat` and `ls`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { access, directory, json, policy, pulledWith, reference, root, switched, text } from "./flags.ts"
import { network, reached } from "./network.ts"

const way = lazyImport(() => import("../actions/read.ts"))

/** Where the image may be already, and which one it is. */
const which = {
  root,
  layersDir: directory("layers-dir", "Look for extracted layers in this directory (default: layers, in the root)"),
  access,
  ...pulledWith,
  platform: text("platform", "OS/ARCH[/VARIANT]", "Read the image for this platform (default: the host's)"),
  policy,
  network
}

const partial = (what: string) => switched("partial", `Download only ${what}, not whole layers (zstd:chunked, eStargz)`)

const cat = (library: Library) =>
  Command.make(
    "cat",
    {
      reference,
      path: Argument.String("PATH").pipe(Argument.withDescription("Path of a file in the image")),
      ...which,
      partial: partial("tables of contents and the file")
    },
    Effect.fnUntraced(function* ({ reference, path, platform, policy, partial, network, ...store }) {
      const { cat } = yield* way
      yield* cat(reference, path, { platform, policy, partial }).pipe(
        Effect.provide(library({ ...store, ...reached(network) })),
        reportFailure(false)
      )
    })
  ).pipe(Command.withDescription("Print one file of an image; nothing is pulled"))

const ls = (library: Library) =>
  Command.make(
    "ls",
    {
      reference,
      path: Argument.String("PATH").pipe(
        Argument.withDescription("Path of a directory in the image (default: /)"),
        Argument.optional
      ),
      long: switched("long", "Print types, modes, owners, sizes and times").pipe(Flag.withAlias("l")),
      ...which,
      partial: partial("tables of contents"),
      json
    },
    Effect.fnUntraced(function* ({ reference, path, long, json, platform, policy, partial, network, ...store }) {
      const { ls } = yield* way
      yield* ls(reference, Option.getOrUndefined(path), { platform, policy, partial }, { long, json }).pipe(
        Effect.provide(library({ ...store, ...reached(network) })),
        reportFailure(json)
      )
    })
  ).pipe(Command.withDescription("List a directory of an image; nothing is pulled"))

export const readCommands = (library: Library) => [cat(library), ls(library)] as const
