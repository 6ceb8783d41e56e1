/** Flags, help and examples of `ociflow pull`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Library } from "../Library.ts"
import { lazyImport } from "../lazyImport.ts"
import { reportFailure } from "../reportFailure.ts"
import { access, count, directory, extraction, interval, optional, reference, root, switched, text } from "./flags.ts"
import { network, reached } from "./network.ts"
import { signatureFlags, verifyOf } from "./signatures/signatureFlags.ts"

export const pullCommand = (library: Library) =>
  Command.make(
    "pull",
    {
      references: Argument.variadic(reference, { min: 1 }),
      root,
      layersDir: directory("layers-dir", "Keep extracted layers in this directory (default: layers, in the root)"),
      access,
      keepBlobs: directory("keep-blobs", "Keep the blobs too, in this OCI layout (skopeo reads it as oci:DIR:TAG)"),
      ...extraction,
      platform: text("platform", "OS/ARCH[/VARIANT]", "Pull for this platform (default: the host's)"),
      name: text("name", "REF", "Store an image from a file under this reference (default: where it came from)"),
      only: Flag.String("only").pipe(
        Flag.withMetavar("PATH"),
        Flag.withDescription(
          "Extract only this path and what is beneath it, into a directory of its own; may be repeated (layouts: rootfs, erofs)"
        ),
        Flag.atLeast(0),
        Flag.map((paths) => (paths.length === 0 ? undefined : paths))
      ),
      strip: optional(
        Flag.Int("strip").pipe(
          Flag.withMetavar("N"),
          Flag.withDescription("Drop N leading components of each path (layouts: rootfs, erofs)"),
          Flag.filter(
            (count) => count >= 0,
            () => "0 or more"
          )
        )
      ),
      policy: Flag.Literals("policy", ["missing", "always", "never"]).pipe(
        Flag.withDescription(
          "missing: use the store if complete (default); always: ask the registry; never: use only the store"
        ),
        Flag.withDefault("missing")
      ),
      ...signatureFlags("verify-"),
      network,
      concurrency: count("concurrency", "Layers downloaded at once (default: 3)").pipe(Flag.withDefault(3)),
      ranges: optional(count("ranges", "Ranges of one blob downloaded at once, at most 16 (default: 1)")),
      durability: Flag.Literals("durability", ["crash", "power"]).pipe(
        Flag.withDescription("crash (default), or power: sync each layer to disk before publishing it"),
        Flag.withDefault("crash")
      ),
      preflight: Flag.Literals("preflight", ["warn", "refuse", "off"]).pipe(
        Flag.withDescription("What to do if the image may not fit on the disk (default: warn)"),
        Flag.withDefault("warn")
      ),
      partial: switched(
        "partial",
        "Download only the files of a layer that the store does not have (zstd:chunked, eStargz)"
      ),
      quiet: switched("quiet", "Print only the image's name with its digest"),
      json: switched(
        "json",
        "Print each event as a line of JSON; the last of each image is Pulled, Failed or Interrupted"
      ),
      interval: interval(
        "interval",
        "Print progress at most this often (default: 0.25 with --json, 10 where no bars are drawn)"
      )
    },
    Effect.fnUntraced(function* ({
      references,
      network,
      quiet,
      json,
      interval,
      platform,
      name,
      only,
      strip,
      policy,
      preflight,
      partial,
      keys,
      identity,
      identityExpression,
      issuer,
      trustedRoot,
      policyFile,
      ...client
    }) {
      const signed = { keys, identity, identityExpression, issuer, trustedRoot, policyFile }
      const verify = yield* verifyOf(signed).pipe(reportFailure(json))
      const level = yield* GlobalFlag.LogLevel
      const way = yield* lazyImport(() => import("../actions/pull.ts"))
      yield* way.pull(
        library({ ...client, ...reached(network), ...(verify === undefined ? {} : { verify }) }),
        references,
        { platform, policy, preflight, partial, name, only, strip },
        { json, quiet, interval, plain: Option.isSome(level) }
      )
    })
  ).pipe(
    Command.withDescription("Pull images; verify and extract their layers"),
    Command.withExamples([
      { command: "ociflow pull alpine:3.20", description: "Pull from Docker Hub, for this machine" },
      { command: "ociflow pull alpine:3.20 debian:12", description: "Both at once" },
      { command: "ociflow pull ghcr.io/org/app@sha256:… --platform linux/arm64 --json", description: "For a script" },
      {
        command: "ociflow pull debian:12 --layout rootfs --only usr/lib --strip 1",
        description: "A part of the image"
      },
      { command: "docker save app | ociflow pull - --name app:1", description: "From what docker save writes" }
    ])
  )
