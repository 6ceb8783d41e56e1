/** A stranger's characters in each command that prints JSON, and in its words for people. */
import { Readable } from "node:stream"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { concat, from, NEVER, of, throwError } from "rxjs"
import { describe, expect, test } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import { exitCode } from "../../src/cli/exitCode.ts"
import { Output } from "../../src/cli/Output.ts"
import { run } from "../../src/cli/run.ts"
import { Puller } from "../../src/Puller.ts"
import type { EntryFacts } from "../../src/read/entries/Entry.ts"
import { sampleReason } from "../support/reasons.ts"
import { CapturedOutput, digestOf, image, pulled, warning } from "./events.ts"

/** CSI, a turn of direction, a space that nobody sees, a tag of a language, half of a pair. */
const evil = "\u009b31mred\u202edleif\u200b\u{e0041}\ud800\u001b[2J"
const digest = digestOf(1)
const about = { reference: evil, digest, mediaType: evil, size: 1 }
const offered = { platform: evil, digest, mediaType: evil, layers: 1, size: 1 }
const times = { created: evil, pulled: evil, lastUsed: evil }
const details = {
  ...{ reference: evil, digest, size: 1, ...times },
  manifests: [
    {
      ...{ platform: evil, digest, mediaType: evil, size: 1, annotations: { [evil]: evil }, complete: true },
      config: { digest, mediaType: evil, value: { config: { Cmd: [evil], User: evil, [evil]: evil } } },
      layers: [{ digest, diffId: digest, mediaType: evil, size: 1, path: "/l" }]
    }
  ]
}
const fault = { reference: evil, platform: evil, digest, problem: evil, path: "/l" }
const reclaimed = { images: [evil], layers: [], partials: [], staging: 0, bytes: 0, deferred: false, failed: [] }
const referrer = { digest, mediaType: evil, size: 1, artifactType: evil, annotations: { [evil]: evil } }
const document = { reference: evil, digest, mediaType: evil, size: 1 }
const artifact = {
  ...{ reference: evil, digest, artifactType: evil, annotations: { [evil]: evil }, config: document },
  ...{ manifest: { ...document, text: evil } },
  files: [{ ...document, name: evil, path: `/${evil}`, annotations: { [evil]: evil }, unpacked: false }]
}
const failure = new PullError({ reference: evil, reason: sampleReason("AccessDenied", { code: evil, detail: evil }) })

const listed: EntryFacts = {
  path: `etc/${evil}`,
  rawPath: `etc/${evil}`,
  linkPath: evil,
  rawLinkPath: evil,
  type: "symlink",
  mode: 0o777,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: new Date(0),
  mtimeNs: 0n,
  xattrs: new Map([[evil, Buffer.from(evil)]]),
  layer: "sha256:0"
}

const hostile = Puller.of({
  pull: () => Effect.fail(failure),
  pull$: (reference) =>
    reference === "fails"
      ? concat(
          of(warning),
          throwError(() => failure)
        )
      : from([
          { ...warning, message: evil },
          { ...pulled, image: { ...image, platform: evil, reference: evil } }
        ] as const),
  entries$: () => of(),
  entries: () => {
    throw new Error("not asked")
  },
  tree$: () => of(),
  tree: () => {
    throw new Error("not asked")
  },
  readFile: (() => Effect.succeed(Buffer.from(evil))) as never,
  list: () => Effect.succeed([listed]),
  resolve: () => Effect.succeed({ ...about, platforms: [offered], annotations: { [evil]: evil } }),
  manifest: () => Effect.succeed({ ...about, text: JSON.stringify({ a: evil }) }),
  artifact: () => Effect.succeed(artifact as never),
  export$: () => NEVER,
  export: () => Readable.from([]),
  bundle: () =>
    Effect.succeed({ ...about, manifestDigest: evil, platform: evil, path: evil, rootfs: evil, config: evil }),
  blob$: () => NEVER,
  blob: () => Readable.from([]),
  tags$: () => of(evil),
  tags: () => Effect.succeed([evil]),
  referrers$: () => of(referrer),
  referrers: () => Effect.succeed([referrer]),
  images: () => Effect.succeed([{ ...about, platforms: [evil], layers: 1, ...times }]),
  inspect: () => Effect.succeed(details),
  config: () => Effect.succeed({ ...image.config, user: evil, env: { [evil]: evil }, labels: { [evil]: evil } }),
  hold: () => Effect.fail(failure),
  remove: () => Effect.succeed(reclaimed),
  prune: () => Effect.succeed(reclaimed),
  kept: () => Effect.succeed([]),
  forEachTag: () => Effect.void,
  forEachReferrer: () => Effect.void,
  usage: () =>
    Effect.succeed({
      images: 1,
      layers: { count: 1, bytes: 1 },
      orphans: { count: 0, bytes: 0 },
      partials: { count: 0, bytes: 0, blobs: [] },
      byImage: [{ reference: evil, bytes: 1, own: 1 }],
      staging: 0,
      catalogue: 1
    }),
  pulls: {} as never,
  settled: Effect.void,
  verify: () => Effect.succeed({ faults: [fault], repaired: [fault], unknown: [] })
})

const ran = async (argv: ReadonlyArray<string>, isTTY: boolean) => {
  const [stdout, stderr] = [Object.assign(new CapturedOutput(), { isTTY }), new CapturedOutput()]
  const exit = await Effect.runPromiseExit(
    run(argv, () => Layer.succeed(Puller, hostile)).pipe(Effect.provideService(Output, { stdout, stderr }))
  )
  exitCode(exit, undefined, (line) => stderr.write(`${line}\n`))
  return { stdout: stdout.text, stderr: stderr.text, isDone: Exit.isSuccess(exit) }
}

const commands = [
  ["pull", "app"],
  ["pull", "fails"],
  ["images"],
  ["inspect", "app"],
  ["inspect", "--config", "app"],
  ["ls", "app"],
  ["artifact", "pull", "app"],
  ["bundle", "app", "there"],
  ["resolve", "app"],
  ["manifest", "app"],
  ["tags", "app"],
  ["referrers", "app"],
  ["rm", "app"],
  ["prune"],
  ["du"],
  ["verify"]
]
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u

describe("ociflow", () => {
  test.for(commands)("%s %s --json writes JSON of printable characters only, and all of the value", async (argv) => {
    const { stdout, stderr } = await ran([...argv, "--json"], false)
    expect(stdout).not.toBe("")
    expect(stdout.replaceAll("\n", "")).not.toMatch(unprintable)
    expect(stderr.replaceAll("\n", "")).not.toMatch(unprintable)
    const values = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown)
    if (argv[1] !== "fails")
      expect(values.some((it) => JSON.stringify(it).includes(JSON.stringify(evil).slice(1, -1)))).toBe(true)
  })

  test.for(commands)("%s %s writes printable characters only to a terminal", async (argv) => {
    const { stdout, stderr } = await ran(argv, true)
    const drawn = stdout.replaceAll("\n", "").replace(/\u001b\[[0-9?;]*[A-Za-z]/g, "")
    expect(drawn + stderr).toContain("red")
    expect(drawn).not.toMatch(unprintable)
    expect(stderr.replaceAll("\n", "")).not.toMatch(unprintable)
    expect(stdout).not.toContain("\u001b[2J")
  })
})
