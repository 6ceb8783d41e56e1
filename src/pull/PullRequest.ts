/** A request to pull, parsed: the image's source, its platform and the options. */
import * as Effect from "effect/Effect"
import type { PullOptions } from "../api/config.ts"
import { hostPlatform, parsePlatform } from "../image/Platform.ts"
import { originOf } from "../source/Origin.ts"
import type { Part } from "./Part.ts"

/** The host's platform where none is asked for. */
export const platformOf = (platform: string | undefined) =>
  platform === undefined ? Effect.succeed(hostPlatform()) : parsePlatform(platform)

export const readRequest = Effect.fnUntraced(function* (reference: string, options: PullOptions) {
  const { platform, policy = "missing", preflight = "warn", name, input } = options
  return {
    part: undefined as Part | undefined,
    origin: yield* originOf(reference, { name, input }),
    policy,
    preflight,
    /** Whether to accept trees that were checked only against a table of contents. Reading accepts them. */
    partial: true as boolean,
    platform: yield* platformOf(platform)
  }
})

export type PullRequest = Effect.Success<ReturnType<typeof readRequest>>

/** Requests with the same key share one pull. */
export const requestKey = ({ origin, platform, policy, preflight, partial, part }: PullRequest): string =>
  JSON.stringify([origin.inputs, platform, policy, preflight, partial, part?.key])
