/** Flags and arguments that several commands share. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"

export const directory = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("DIR"),
    Flag.withDescription(description),
    Flag.filter(
      (text) => text !== "",
      () => "a directory's path"
    ),
    Flag.optional,
    Flag.map(Option.getOrUndefined)
  )

export const switched = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false), Flag.withoutNegation)

export const root = directory("root", "Where the catalogue and the layers are (default: OCIFLOW_HOME, else ~/.ociflow)")
export const json = switched("json", "Print JSON")

export const reference = Argument.String("REF").pipe(
  Argument.withDescription("[registry[:port]/]repository[:tag][@algorithm:hex]")
)
