/** What a pull can live with is told once, however many layers come upon it. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { Puller, pull } from "../../src/Puller.ts"
import { randomImage, startRegistry } from "../../src/testing/index.ts"
import { open, temporaryRoot } from "../support/open.ts"

const files: Readonly<Record<string, [file: string, code: string]>> = {
  "a credential helper that is missing": ['{"credsStore":"none-such"}', "CredentialHelperFailed"],
  "one that is named by a path": ['{"credHelpers":{"*":"x"},"credsStore":"../x"}', "CredentialHelperFailed"],
  "a config.json that is broken": ["{", "DockerConfigUnusable"]
}
test.for(Object.entries(files))("%s is one warning a pull, in each pull", async ([, [file, code]]) => {
  await using home = await temporaryRoot()
  await writeFile(join(home.root, "config.json"), file)
  const made = await randomImage("warned", { layers: 4 })
  await using registry = await startRegistry({ images: { "app:1": made, "other:1": made }, auth: { type: "bearer" } })
  const variables = { DOCKER_CONFIG: home.root, REGISTRY_AUTH_FILE: join(home.root, "none") }
  const pulling = Effect.gen(function* () {
    for (const name of ["app:1", "other:1"]) {
      const events: Array<PullEvent> = []
      yield* pull(registry.reference(name), {}, (event) => void events.push(event))
      expect(events.filter((it) => it._tag === "Warning")).toMatchObject([{ code }])
    }
  }).pipe(
    Effect.provide(Puller.layer({ root: home.root, workers: 1 })),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))
  )
  await Effect.runPromise(pulling)
})

test("an unusable hosts.toml, of the registry or of a mirror, is one warning per pull", async () => {
  await using home = await temporaryRoot()
  const made = await randomImage("warned", { layers: 4 })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using mirror = await startRegistry({ images: { "app:1": made } })
  for (const { host } of [registry, mirror]) {
    const directory = join(home.root, "hosts", host)
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, "hosts.toml"), "[host")
  }
  const events: Array<PullEvent> = []
  await using oci = await open({
    hostsDirs: [join(home.root, "hosts")],
    hosts: { [registry.host]: { mirrors: [`http://${mirror.host}`] } }
  })
  await oci.pull(registry.reference("app:1"), { onEvent: (event) => void events.push(event) })
  const warnings = events.filter((it) => it._tag === "Warning")
  expect(warnings.map(({ code }) => code)).toEqual(["HostsFileUnusable", "HostsFileUnusable"])
  for (const [at, { host }] of [registry, mirror].entries()) expect(warnings[at]?.message).toContain(host)
})
