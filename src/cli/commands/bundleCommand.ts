/** `ociflow bundle`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import {
  access,
  directory,
  json,
  optional,
  policy,
  pulledWithOrBundled,
  reference,
  root,
  switched,
  text
} from "./flags.ts"
import { network, reached } from "./network.ts"

/** `NAME=VALUE`; the value may be empty, and hold an equals sign. */
const env = Flag.String("env").pipe(
  Flag.withMetavar("NAME=VALUE"),
  Flag.withDescription("Set an environment variable, in addition to those of the image; may be repeated"),
  Flag.filter(
    (text) => /^[^=]+=/.test(text),
    () => "NAME=VALUE"
  ),
  Flag.atLeast(0),
  Flag.map((all) => Object.fromEntries(all.map((it) => [it.slice(0, it.indexOf("=")), it.slice(it.indexOf("=") + 1)])))
)

export const bundleCommand = (library: Library) =>
  Command.make(
    "bundle",
    {
      reference,
      directory: Argument.String("DIR").pipe(
        Argument.withDescription("The bundle's directory, which must be empty or not exist")
      ),
      args: Argument.String("ARG").pipe(
        Argument.withDescription(
          "The program and its arguments, after -- if any begins with a dash (default: the image's)"
        ),
        Argument.atLeast(0)
      ),
      rootless: optional(
        Flag.Boolean("rootless").pipe(
          Flag.withDescription("Make a bundle that an ordinary user can start (default: unless root makes it)")
        )
      ),
      user: text("user", "USER[:GROUP]", "User of the process: names or numbers of the image (default: the image's)"),
      env,
      cwd: text("cwd", "PATH", "The working directory (default: the image's)"),
      hostname: text("hostname", "NAME", "The container's host name (default: ociflow)"),
      terminal: switched("terminal", "Give the process a terminal"),
      readonly: switched("readonly", "Make the container's root file system read-only"),
      root,
      layersDir: directory("layers-dir", "Look for extracted layers in this directory (default: layers, in the root)"),
      keepBlobs: directory("keep-blobs", "Look for kept blobs in this OCI layout"),
      access,
      ...pulledWithOrBundled,
      platform: text("platform", "OS/ARCH[/VARIANT]", "Use the image for this platform (default: the host's)"),
      policy,
      network,
      json
    },
    Effect.fnUntraced(function* ({ reference, directory, network, json, args, env, ...given }) {
      const { bundle } = yield* lazyImport(() => import("../actions/bundle.ts"))
      const { rootless, user, cwd, hostname, terminal, readonly, platform, policy, ...store } = given
      const own = { rootless, user, cwd, hostname, terminal, readonly, platform, policy, env }
      const options = { ...own, ...(args.length === 0 ? {} : { args }) }
      yield* bundle(reference, directory, options, json).pipe(
        Effect.provide(library({ ...store, ...reached(network) })),
        reportFailure(json)
      )
    })
  ).pipe(
    Command.withDescription("Make a bundle of an image, which runc, crun and others start"),
    Command.withExamples([
      { command: "ociflow bundle debian:12 deb -- /bin/echo hello && crun run -b deb hello", description: "Start it" }
    ])
  )
