/**
 * An environment variable by the program's `ConfigProvider`, without `effect/Config`: that module decodes whatever a program may
 * want, and brings Effect's file system and streams along, 26 modules that a first request would wait for.
 */
import type { ConfigProvider } from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Effect's own reference by its key. A program that provides one has loaded its module. For all others, the environment of the process counts. */
const Provided = Context.Reference<ConfigProvider | undefined>("effect/ConfigProvider", {
  defaultValue: () => undefined
})

/** Read at each call. `undefined` if it is not set, or empty. A provider that fails is a defect. */
export const environmentVariable = (name: string): Effect.Effect<string | undefined> =>
  Effect.flatMap(Provided, (provider) =>
    provider === undefined
      ? Effect.sync(() => process.env[name] || undefined)
      : Effect.orDie(Effect.map(provider.load([name]), (node) => node?.value || undefined))
  )
