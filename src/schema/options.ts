/**
 * Codecs of those options that are data: signals, listeners, streams and functions do not travel. They refuse what the call
 * would refuse, and say the same.
 */
import * as Schema from "effect/Schema"
import type * as config from "../api/config.ts"
import { type FunctionName, invalidOption } from "../api/options/checkOptions.ts"

const optionsOf = <A extends object>(name: FunctionName): Schema.Codec<A, Readonly<Record<string, Schema.Json>>> =>
  Schema.Record(Schema.String, Schema.Json).check(
    Schema.makeFilter((options: object) => invalidOption(name, options)?.message)
  ) as never

/** Without functions and `Redacted`. `Infinity` is not JSON: a limit that is left out has its default. */
export const PullerOptions = optionsOf<Omit<config.PullerOptions, "credentials"> & { readonly credentials?: object }>(
  "open"
)
export const PullOptions = optionsOf<Omit<config.PullOptions, "input">>("pull")
export const ListOptions = optionsOf<config.ListOptions>("images")
export const PruneOptions = optionsOf<config.PruneOptions>("prune")
export const VerifyOptions = optionsOf<config.VerifyOptions>("verify")
