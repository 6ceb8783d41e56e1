/** `ociflow export`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { access, directory, optional, policy, pulledWith, reference, root, text } from "./flags.ts"
import { network, reached } from "./network.ts"

export const exportCommand = (library: Library) =>
  Command.make(
    "export",
    {
      references: reference.pipe(Argument.atLeast(1)),
      output: text("output", "FILE", "Write this file (default: the standard output)").pipe(Flag.withAlias("o")),
      format: optional(
        Flag.Literals("format", ["tar", "erofs", "docker-archive", "oci-archive"]).pipe(
          Flag.withDescription(
            "tar (default): the tree that a container sees; erofs: the same as a disk image; the others: the blobs, of several images too"
          )
        )
      ),
      only: Flag.String("only").pipe(
        Flag.withMetavar("PATH"),
        Flag.withDescription("Export only this path and what is beneath it; may be repeated"),
        Flag.atLeast(0)
      ),
      strip: optional(
        Flag.Int("strip").pipe(Flag.withMetavar("N"), Flag.withDescription("Drop N leading components of each path"))
      ),
      root,
      layersDir: directory("layers-dir", "Look for extracted layers in this directory (default: layers, in the root)"),
      keepBlobs: directory("keep-blobs", "Look for kept blobs in this OCI layout"),
      access,
      ...pulledWith,
      platform: text("platform", "OS/ARCH[/VARIANT]", "Export the image for this platform (default: the host's)"),
      policy,
      network
    },
    Effect.fnUntraced(function* ({ references, output, format, only, strip, platform, policy, network, ...store }) {
      const { exportImage } = yield* lazyImport(() => import("../actions/exportImage.ts"))
      const options = { format, strip, platform, policy, ...(only.length === 0 ? {} : { only }) }
      yield* exportImage(references, output, options).pipe(
        Effect.provide(library({ ...store, ...reached(network) })),
        reportFailure(false)
      )
    })
  ).pipe(
    Command.withDescription("Make one file of an image: a tar of its tree, or an archive for docker and others"),
    Command.withExamples([
      { command: "ociflow export alpine | tar -tv", description: "The tree of an image, with its owners" },
      { command: "ociflow export alpine --format docker-archive | docker load", description: "Load it into docker" }
    ])
  )
