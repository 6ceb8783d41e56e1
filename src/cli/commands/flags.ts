/** Flags and arguments that several commands share. */

import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { layoutNames, layouts } from "../../layer/layout/layouts.ts"
import { transports } from "../../source/file/transports.ts"
import { parseAge } from "../text/quantities.ts"

/** `undefined` where it is not given. */
export const optional = <A>(flag: Flag.Flag<A>) => flag.pipe(Flag.optional, Flag.map(Option.getOrUndefined))

export const directory = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(description),
    Flag.filter(
      (text) => text !== "",
      () => "a directory's path"
    ),
    optional
  )

export const switched = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false), Flag.withoutNegation)

export const root = directory("root", "Directory of the store (default: OCIFLOW_HOME, else ~/.ociflow)")
export const json = switched("json", "Print JSON")

export const reference = Argument.String("REF").pipe(
  Argument.withDescription(
    `[registry[:port]/]repository[:tag][@algorithm:hex], ${Object.keys(transports)
      .map((transport) => `${transport}:PATH[:NAME]`)
      .join(", ")}, or - for stdin`
  )
)

const choice = <const A extends ReadonlyArray<string>>(name: string, choices: A, description: string) =>
  Flag.Literals(name, choices).pipe(Flag.withDescription(description), optional)

/** Where the image may be already. */
export const policy = choice(
  "policy",
  ["missing", "always", "never"],
  "missing (default): use the store if the image is there; always: ask the registry; never: use only the store"
)

export const access = choice(
  "access",
  ["private", "readable", "writable"],
  "Access of other users to the store (default: private)"
)

export const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), optional)

/** How many: 1 or more. */
export const count = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter(
      (count) => count >= 1,
      () => "1 or more"
    )
  )

/** `90s`, `5m`, `1h`, in milliseconds. */
export const duration = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(parseAge(text)),
      () => "a time, such as 90s, 5m or 1h"
    ),
    optional
  )

/** Milliseconds of a day: a timer cannot wait much longer. */
const day = 86_400e3

/** `0.5`, `5` in seconds, or `5s`, `1m`: how often something is told, in milliseconds. 0 to a day. */
export const interval = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("SECONDS"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => {
        const millis = parseAge(/^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text)
        return millis !== undefined && millis <= day ? Option.some(millis) : Option.none()
      },
      () => "seconds, from 0 to a day: 0.5, 5 or 1m"
    ),
    optional
  )

/** With what options trees are written, or were written. Trees with other options are other trees. */
const trees = (says: { readonly ownership: string; readonly statFormat: string; readonly layout: string }) => ({
  ownership: choice("ownership", ["xattr", "chown", "none"], says.ownership),
  statFormat: choice("stat-format", ["seed", "containers"], says.statFormat),
  layout: choice("layout", layoutNames, says.layout)
})

/** The flags of a command that pulls. */
export const extraction = trees({
  ownership: "Keep owners and devices as attributes (default), set them (needs root), or drop them",
  statFormat:
    "Format of the attribute: seed (default), as microsandbox and libkrun read it; containers, as fuse-overlayfs does",
  layout: `Which directories to make: ${layoutNames.map((name) => `${name}, ${layouts[name].description}`).join("; ")}`
})

/** The flags of a command that only looks for trees. */
export const pulledWith = trees({
  ownership: "Look for trees that were pulled with this ownership (default: xattr)",
  statFormat: "Look for trees that were pulled with this stat format (default: seed)",
  layout: "Look for trees that were pulled in this layout (default: layers)"
})

/** The flags of `bundle`, which looks for trees and writes another one. */
export const pulledWithOrBundled = trees({
  ownership:
    "Look for trees that were pulled with this ownership (default: xattr); with xattr, a rootless bundle keeps owners as attributes",
  statFormat: "Format of the attribute, in the trees to look for and in the bundle (default: seed)",
  layout: "Look for trees that were pulled in this layout (default: layers)"
})

/** The flags of `verify`. */
export const repairedWith = trees({
  ownership: "With --repair: repair the trees that were pulled with this ownership (default: xattr)",
  statFormat: "With --repair: repair the trees that were pulled with this stat format (default: seed)",
  layout: "With --repair: repair the trees that were pulled in this layout (default: layers)"
})
