/** Layers that skopeo makes in zstd:chunked, at Debian's registry: a pull of what is missing gives the tree of a whole pull. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { image, Prng, startRegistry, type Tar } from "../../src/testing/index.ts"
import { archiveOf, treeOf, warningsOf } from "../pull/partial/versions.ts"
import { open } from "../support/open.ts"
import { startDockerRegistry } from "./support/dockerRegistry.ts"

const run = promisify(execFile)

/** Its rolling checksum cuts the first file into pieces, and it looks for zeros. */
const archive = (changed: ReadonlyArray<number>): Tar =>
  archiveOf(new Set(changed))
    .file("usr/large", new Prng("large").bytes(700_000))
    .file(
      "usr/holes",
      Buffer.concat([new Prng("before").bytes(9000), Buffer.alloc(90_000), new Prng("after").bytes(9000)])
    )
    .file("usr/zeros", Buffer.alloc(200_000))

test("zstd:chunked by skopeo", async () => {
  const versions = [[], [3, 17], [3, 17, 5]].map(async (changed) => image({ layers: [archive(changed)] }))
  const [one, two, three] = await Promise.all(versions)
  if (one === undefined || two === undefined || three === undefined) throw new Error("three versions")
  await using made = await startRegistry({ images: { "app:1": one, "app:2": two, "app:3": three } })
  await using registry = await startDockerRegistry()
  // Not a call that blocks: the first registry is in this process.
  for (const version of [1, 2, 3])
    await run("skopeo", [
      ...["copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked"],
      ...[`docker://${made.reference(`app:${version}`)}`, `docker://${registry.host}/app:${version}`]
    ])
  await using partial = await open()
  await using whole = await open()
  for (const version of [1, 2, 3]) {
    const reference = `${registry.host}/app:${version}`
    const events: Array<PullEvent> = []
    const pulled = await partial.pull(reference, { partial: true, onEvent: (event) => events.push(event) })
    const expected = await whole.pull(reference)
    expect(warningsOf(events)).toEqual([])
    expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(treeOf(expected.layers[0]?.path ?? ""))
    const started = events.find((event) => event._tag === "LayerStarted")
    const { size = 0, offset = 0 } = started?._tag === "LayerStarted" ? started : {}
    if (version > 1) expect(size - offset).toBeLessThan(size / 4)
  }
  expect((await partial.verify()).byTable).toHaveLength(2)

  // In pieces, in pieces with zeros between them, and zeros alone.
  await using reading = await open()
  const reference = `${registry.host}/app:3`
  const events: Array<PullEvent> = []
  const options = { partial: true, onEvent: (event: PullEvent) => void events.push(event) }
  for (const path of ["usr/large", "usr/holes", "usr/zeros", "usr/lib/f3", "usr/hard"])
    expect(await reading.readFile(reference, path, options)).toEqual(await whole.readFile(reference, path))
  expect(await reading.list(reference, "usr", options)).toEqual(await reading.list(reference, "usr"))
  expect(warningsOf(events)).toEqual([])
})
