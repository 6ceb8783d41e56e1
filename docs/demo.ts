/**
 * A registry, a real image and the bars, on this machine alone: no network, no root, no daemon.
 *
 *     npm run demo
 */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { open, type PullEvent } from "ociflow"
import { fault, nodeImage, startRegistry } from "ociflow/testing"
import { filter, lastValueFrom, take, toArray } from "rxjs"
import { formatBytes } from "../src/progress/format.ts"
import { showPull } from "../src/cli/progress/progress.ts"

const home = await mkdtemp(join(tmpdir(), "ociflow-demo-"))
const bold = (text: string) => (process.stdout.hasColors?.() ? `\u001b[1m${text}\u001b[22m` : text)
const say = (text: string) => console.log(`\n${bold(text)}`)
const timed = async <A>(work: Promise<A>) => {
  const start = performance.now()
  return [await work, `${((performance.now() - start) / 1000).toFixed(2)} s`] as const
}
/** What is below a directory, as far as a person wants to know. */
const files = async (path: string) =>
  (await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile())
    .length

try {
  say("An image of the Node that runs this, its libraries and some of our packages")
  const [image, made] = await timed(
    nodeImage({
      modules: fileURLToPath(new URL("../node_modules", import.meta.url)),
      packages: ["rxjs", "sql.js", "undici", "tar-stream", "minizlib"]
    })
  )
  const layers = image.manifests[0]?.layers ?? []
  const total = layers.reduce((sum, { size }) => sum + size, 0)
  const inflated = layers.reduce((sum, { inflated = 0 }) => sum + inflated, 0)
  console.log(`${layers.length} layers, ${formatBytes(inflated)}, compressed to ${formatBytes(total)} in ${made}`)

  await using registry = await startRegistry({
    images: { "demo/node:latest": image },
    auth: { type: "bearer" },
    storage: true
  })
  // 15 MB/s for each layer, so that there is something to see; the second one breaks off once.
  registry.fault({ kind: "storage" }, fault.slow({ bytesPerSecond: 15e6 }))
  registry.fault({ kind: "storage", reference: layers[1]?.digest ?? "", times: 1 }, fault.cut(10e6))
  const reference = registry.reference("demo/node:latest")

  {
    await using oci = await open({ root: join(home, "images") })
    say(`$ ociflow pull ${reference}`)
    const bars = showPull(reference, { stream: process.stdout })
    const [, pulled] = await timed(lastValueFrom(oci.pull$(reference).pipe(bars)))
    console.log(`pulled in ${pulled}; the line broke once: ${registry.log.count({ state: "cut" })} cut body, and`)
    const twice = layers.reduce((sum, { digest }) => sum + registry.log.repeated(digest), 0)
    console.log(`${twice} bytes were fetched twice. The storage saw credentials: ${registry.storage?.sawAuthorization}`)

    say("$ ociflow images")
    for (const { reference, platforms, digest, size } of await oci.images())
      console.log(`${reference}  ${platforms.join(",")}  ${digest.slice(0, 19)}  ${formatBytes(size)}`)
    for (const { layers } of (await oci.inspect(reference))?.manifests ?? [])
      for (const { path, size } of layers)
        console.log(`  ${relative(home, path)}  ${formatBytes(size)}, ${await files(path)} files`)

    say("Some of its entries, read from the registry and not written")
    const listed = await lastValueFrom(
      oci.entries$(reference).pipe(
        filter(({ path }) => !path.startsWith("lib")),
        take(14),
        toArray()
      )
    )
    for (const { mode, uid, gid, size, path, linkPath, type } of listed) {
      const facts = [
        mode.toString(8).padStart(4, "0"),
        `${uid}:${gid}`.padEnd(9),
        String(size).padStart(9),
        type.padEnd(9)
      ]
      console.log(`${facts.join("  ")}  ${path}${linkPath === undefined ? "" : ` -> ${linkPath}`}`)
    }

    say("The same pull again")
    const before = registry.log.count()
    const [, again] = await timed(oci.pull(reference))
    console.log(`from the store in ${again}, with ${registry.log.count() - before} requests`)
  }

  const fresh = join(home, "fresh")
  {
    await using oci = await open({ root: fresh })
    say("Into a fresh store, and cancelled half-way")
    const abort = new AbortController()
    const received = new Map<string, number>()
    let done = 0
    const watch = (event: PullEvent) => {
      if (event._tag === "LayerProgress") received.set(event.digest, event.received)
      if (event._tag === "LayerDone") done++
      // Half of it has arrived, and one layer is complete: there is something to keep of either kind.
      if (done > 0 && [...received.values()].reduce((sum, bytes) => sum + bytes, 0) > total / 2) abort.abort()
    }
    const [end, cancelled] = await timed(
      oci.pull(reference, { signal: abort.signal, onEvent: watch }).then(
        () => "it was too quick",
        (error: Error) => error.name
      )
    )
    console.log(`${end} after ${cancelled}; open requests at the registry: ${registry.log.open}`)
    console.log(`images in the store: ${(await oci.images()).length}`)
  }
  const left = await readdir(join(fresh, "layers"), { withFileTypes: true })
  console.log(
    `layers that were complete, and are kept: ${left.filter(({ name }) => name.endsWith(".extracted")).length}`
  )
  const partial = await Promise.all(
    (await readdir(join(fresh, "partial"))).map((name) => stat(join(fresh, "partial", name)))
  )
  console.log(`bytes of the others, kept too: ${formatBytes(partial.reduce((sum, { size }) => sum + size, 0))}`)
  console.log(`files staged: ${await files(join(fresh, "layers", ".staging"))}; sockets open: ${registry.sockets()}`)

  {
    await using oci = await open({ root: fresh })
    say("And on from there")
    const start = registry.log.all.length
    const [, resumed] = await timed(lastValueFrom(oci.pull$(reference).pipe(showPull(reference, { stream: process.stdout }))))
    const fetched = registry.log.all
      .slice(start)
      .reduce((sum, { kind, sent }) => sum + (kind === "storage" ? sent : 0), 0)
    console.log(`${formatBytes(fetched)} of ${formatBytes(total)} were fetched, in ${resumed}`)
  }
} finally {
  await rm(home, { recursive: true, force: true })
}
