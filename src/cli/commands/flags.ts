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
  "What other users may do with the store's directories (default: nothing)"
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

/** How layers are written. What was written otherwise is another tree: who looks for one says the same. */
export const extraction = {
  ownership: choice(
    "ownership",
    ["xattr", "chown", "none"],
    "Keep owners and devices as attributes (default), set them (needs root), or drop them"
  ),
  statFormat: choice(
    "stat-format",
    ["seed", "containers"],
    "Format of the attribute: uid:gid:mode (default), or as fuse-overlayfs reads it"
  ),
  layout: choice(
    "layout",
    layoutNames,
    `What layers become: ${layoutNames.map((name) => `${name}, ${layouts[name].description}`).join("; ")}`
  )
}
