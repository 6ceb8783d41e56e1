/** The grammar, the JSON and the words, against a library that only tells stories. */
import { Readable } from "node:stream"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { concat, defer, finalize, from, ignoreElements, NEVER, type Observable, of, Subject, throwError } from "rxjs"
import { describe, expect, test } from "vitest"
import type { ArtifactOptions, ListOptions, PullerOptions, PullOptions } from "../../src/api/config.ts"
import { InvalidOption, ManifestNotFound, PullError } from "../../src/api/errors.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { exitCode } from "../../src/cli/exitCode.ts"
import type { Library } from "../../src/cli/Library.ts"
import { Output } from "../../src/cli/Output.ts"
import { run } from "../../src/cli/run.ts"
import { Puller } from "../../src/Puller.ts"
import { formatBytes } from "../../src/progress/format.ts"
import type { EntryFacts } from "../../src/read/entries/Entry.ts"
import type { ImageDetails, ImageSummary } from "../../src/store/records/ImageRecord.ts"
import { sampleReason } from "../support/reasons.ts"
import {
  CapturedOutput,
  digestOf,
  done,
  image,
  layers,
  progress,
  pulled,
  reference,
  resolving,
  started,
  story,
  warning
} from "./events.ts"

const summary: ImageSummary = {
  reference,
  digest: image.digest,
  platforms: ["linux/amd64", "linux/arm64/v8"],
  size: image.size,
  layers: 6,
  created: "2026-01-01T00:00:00Z",
  pulled: "2026-02-03T04:05:06.789Z",
  lastUsed: "2026-02-04T04:05:06.789Z"
}
const { platforms: _p, layers: _l, ...common } = summary
const details: ImageDetails = {
  ...common,
  manifests: [
    {
      platform: "linux/amd64",
      digest: image.manifestDigest,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      size: 1234,
      annotations: {},
      config: {
        digest: image.configDigest,
        mediaType: "application/vnd.oci.image.config.v1+json",
        value: { config: { Cmd: ["sh", "-c", "\u001b[31mred"], User: "", WorkingDir: "/srv" } }
      },
      layers,
      complete: true
    }
  ]
}

const tags = ["1", "2", "\u001b[31mred"]
const text = '{ "schemaVersion": 2, "x": "\u009b31m" }'
const about = { reference, digest: image.digest, mediaType: "application/vnd.oci.image.index.v1+json", size: 41 }
const document = { ...about, text }
const offered = { platform: "linux/amd64", digest: image.manifestDigest, mediaType: "m", layers: 6, size: 2 ** 20 }
const resolution = { ...about, platforms: [offered], annotations: {} }
const listed: ReadonlyArray<EntryFacts> = (["directory", "file", "symlink", "character-device"] as const).map(
  (type, at) => ({
    path: `etc/${["d", "f", "l\u001b[31m", "n"][at]}`,
    rawPath: "",
    ...(type === "symlink" ? { linkPath: "\u202ex" } : {}),
    type,
    mode: [0o1777, 0o4755, 0o777, 0o640][at] ?? 0,
    uid: at,
    gid: 100,
    size: at * 1000,
    mtime: new Date(at * 1e12),
    mtimeNs: 0n,
    ...(type === "character-device" ? { device: { major: 1, minor: 3 } } : {}),
    xattrs: new Map(type === "file" ? [["user.a", Buffer.from("b")]] : []),
    layer: "sha256:0"
  })
)
const referrer = { digest: image.digest, mediaType: "m", size: 100, artifactType: "a/sbom", annotations: {} }

interface Asked {
  readonly puller: PullerOptions
  reference?: string
  options?: PullOptions | undefined
  page?: ListOptions | undefined
  path?: string | undefined
  closed?: boolean
}

/** Runs the command line on stories; what it asked the library for is told with what it wrote. */
const bundle = {
  reference,
  manifestDigest: digestOf(1),
  platform: "linux/amd64",
  path: "/there",
  rootfs: "/there/rootfs",
  config: "/there/config.json"
}

const start = (
  argv: ReadonlyArray<string>,
  events: Observable<PullEvent> | ((reference: string) => Observable<PullEvent>) = from(story),
  stdout = new CapturedOutput(),
  variables: Readonly<Record<string, string>> = {}
) => {
  const asked: Array<Asked> = []
  const stderr = new CapturedOutput()
  const library: Library = (puller) => {
    const one: Asked = { puller }
    asked.push(one)
    const service = Puller.of({
      pull: () => Effect.die("the command line pulls by pull$"),
      pull$: (reference, options) => {
        Object.assign(one, { reference, options })
        return typeof events === "function" ? events(reference) : events
      },
      entries$: () => NEVER,
      entries: () => {
        throw new Error("not asked")
      },
      tree$: () => NEVER,
      tree: () => {
        throw new Error("not asked")
      },
      readFile: ((reference: string, path: string, options: unknown) => {
        Object.assign(one, { reference, options, path })
        return Effect.succeed(Buffer.from([0x61, 0xff, 0x0a]))
      }) as never,
      list: (reference, path, options) => {
        Object.assign(one, { reference, options, path })
        return Effect.succeed(listed)
      },
      resolve: () => Effect.succeed(resolution),
      manifest: (reference, options) => {
        Object.assign(one, { reference, options })
        return Effect.succeed(document)
      },
      artifact: (reference: string, options?: ArtifactOptions) => {
        Object.assign(one, { reference, options })
        return Effect.succeed(artifact as never)
      },
      export$: () => NEVER,
      export: () => Readable.from([]),
      bundle: (reference, path, options) => {
        Object.assign(one, { reference, options, path })
        return Effect.succeed(bundle)
      },
      blob$: () => NEVER,
      blob: () => Readable.from([]),
      tags$: () => from(tags),
      tags: () => Effect.succeed(tags),
      referrers$: () => of(referrer),
      referrers: () => Effect.succeed([referrer]),
      images: (page) => {
        one.page = page
        return Effect.succeed([summary])
      },
      config: (reference, options) => {
        Object.assign(one, { reference, options })
        return Effect.succeed(image.config)
      },
      inspect: (reference) =>
        reference === "debian:12"
          ? Effect.succeed(details)
          : Effect.fail(new PullError({ reference, reason: sampleReason("NotCached", { problem: undefined }) })),
      hold: () => Effect.die("not told here"),
      remove: () => Effect.die("not told here"),
      prune: () => Effect.die("not told here"),
      kept: (digests) =>
        Effect.succeed(digests.filter((it) => it === digestOf(2)).map((digest) => ({ digest, bytes: 3 * 2 ** 19 }))),
      forEachTag: () => Effect.die("not told here"),
      forEachReferrer: () => Effect.die("not told here"),
      usage: () => Effect.die("not told here"),
      pulls: {} as never,
      settled: Effect.void,
      verify: () => Effect.succeed({ faults: [], repaired: [], unknown: [] })
    })
    return Layer.effect(
      Puller,
      Effect.acquireRelease(Effect.succeed(service), () => Effect.sync(() => Object.assign(one, { closed: true })))
    )
  }
  const fiber = Effect.runFork(
    run(argv, library).pipe(
      Effect.provideService(Output, { stdout, stderr }),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))
    )
  )
  const result = Effect.runPromise(Fiber.await(fiber)).then((exit) => {
    const code = exitCode(exit, "SIGTERM", (line) => stderr.write(`${line}\n`))
    return { code, stdout: stdout.text, stderr: stderr.text, asked }
  })
  return { fiber, result, asked, stdout, stderr }
}
const ran = (argv: string, events?: Parameters<typeof start>[1]) =>
  start(argv.split(" ").filter(Boolean), events).result

describe("ociflow pull", () => {
  test("asks the library for what the flags say, and closes it", async () => {
    const { code, asked } = await ran(
      "pull debian:12 --root /r --layers-dir /l --platform linux/arm64/v8 --policy always --plain-http --concurrency 7"
    )
    expect(code).toBe(0)
    expect(asked).toEqual([
      {
        puller: { root: "/r", layersDir: "/l", plainHttp: true, concurrency: 7, durability: "crash" },
        reference: "debian:12",
        options: { platform: "linux/arm64/v8", policy: "always", preflight: "warn", partial: false },
        closed: true
      }
    ])
  })

  test("asks for a partial pull by --partial", async () => {
    expect((await ran("pull debian:12 --partial")).asked[0]?.options).toMatchObject({ partial: true })
  })

  test("asks for a part of the image by --only, once or several times, and --strip", async () => {
    const [asked] = (await ran("pull debian:12 --layout rootfs --only usr/lib --only etc --strip 1")).asked
    expect(asked).toMatchObject({ puller: { layout: "rootfs" }, options: { only: ["usr/lib", "etc"], strip: 1 } })
    expect((await ran("pull debian:12 --strip -1")).code).not.toBe(0)
  })

  test("has defaults", async () => {
    const [asked] = (await ran("pull debian:12")).asked
    expect(asked?.puller).toEqual({ concurrency: 3, durability: "crash" })
    expect(asked?.options).toEqual({ policy: "missing", preflight: "warn", partial: false })
  })

  test("tells each step as a line and the image at the end", async () => {
    const { stdout, stderr } = await ran("pull debian:12")
    expect(stdout.split("\n").slice(0, 2)).toEqual([`Resolving ${reference}`, expect.stringContaining("retry 2")])
    expect(stdout).toContain(
      [
        reference,
        `  digest    ${image.digest}`,
        "  platform  linux/amd64",
        "  size      21.00 MiB",
        "  layers    6 in /store/layers"
      ].join("\n")
    )
    expect(stderr).toBe("")
  })

  test("a terminal that cannot draw gets lines", async () => {
    const screen = () => new CapturedOutput({ columns: 100 })
    const on = async (TERM: string) =>
      (await start(["pull", "debian:12"], from(story), screen(), { TERM }).result).stdout
    expect(await on("dumb")).toBe((await ran("pull debian:12")).stdout)
    expect(await on("xterm")).not.toBe(await on("dumb"))
  })

  test("--quiet tells the image's name with its digest alone; warnings go to stderr", async () => {
    const { stdout, stderr } = await ran("pull debian:12 --quiet")
    expect(stdout).toBe(`${reference}@${image.digest}\n`)
    expect(stderr).toBe("warning: no [2J xattrs here\n")
  })

  test("--quiet tells what to pull again of an image from a file, too", async () => {
    const from = (reference: string) => of<PullEvent>({ _tag: "Pulled", image: { ...image, reference }, cached: false })
    const { stdout } = await ran("pull oci:/l:1 --quiet", from("oci:/l:1"))
    expect(stdout).toBe(`oci:/l:@${image.digest}\n`)
  })

  test("--json tells one event a line, and at last the image", async () => {
    const { stdout, stderr } = await ran("pull debian:12 --json")
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(events).toEqual(story.map((event) => ({ ...event, reference })))
    expect(events.at(-1)).toMatchObject({
      _tag: "Pulled",
      image: {
        reference,
        digest: image.digest,
        platform: "linux/amd64",
        layers: layers.map(({ digest, diffId, size, path }) => ({ digest, diffId, size, path }))
      }
    })
    expect(stderr).toBe("")
  })

  test("--json --quiet tells the last event alone", async () => {
    expect(JSON.parse((await ran("pull debian:12 --json --quiet")).stdout)).toEqual({ ...pulled, reference })
  })

  test("bars are drawn where stdout is a terminal, and the image follows them", async () => {
    const stdout = new CapturedOutput({ columns: 100 })
    await start(["pull", "debian:12"], from(story), stdout).result
    const last = stdout.lines.findLastIndex((line) => line.startsWith("✓ Extract layers       6 / 6  in "))
    expect(last).toBeGreaterThan(0)
    expect(stdout.lines.indexOf(`  digest    ${image.digest}`)).toBeGreaterThan(last)
  })

  test("--log-level gives the terminal to the log: lines, no bars", async () => {
    const stdout = new CapturedOutput({ columns: 100 })
    await start(["pull", "debian:12", "--log-level", "debug"], from(story), stdout).result
    expect(stdout.lines).toContain(`Resolving ${reference}`)
    expect(stdout.text).not.toContain("✓")
  })
})

const linesOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

describe("several references", () => {
  const nameOf = (reference: string) => `docker.io/library/${reference}`
  const storyOf = (reference: string): ReadonlyArray<PullEvent> => [
    { _tag: "Resolving", reference: nameOf(reference) },
    { _tag: "Pulled", image: { ...image, reference: nameOf(reference) }, cached: false }
  ]
  const wrong = (reference: string, tag = "ManifestNotFound") =>
    throwError(() => new PullError({ reference, reason: sampleReason(tag) }))
  /** `bad` and `worse` fail. */
  const some = (reference: string) => {
    const [first = "", ...more] = reference.split("/")
    if (first === "worse") return wrong(reference, "InvalidOption")
    return first === "bad" && more.length === 0
      ? concat(from(storyOf(reference).slice(0, 1)), wrong(reference))
      : from(storyOf(reference))
  }

  test("are pulled together by one client, each once, and printed in the order they were given", async () => {
    const seen: Array<string> = []
    const started = new Subject<void>()
    const { code, stdout, asked } = await ran("pull a b a c", (reference) => {
      seen.push(reference)
      if (seen.length === 3) queueMicrotask(() => started.complete())
      // None ends before all have begun; the first begins to end last.
      return concat(started.pipe(ignoreElements()), from(storyOf(reference)))
    })
    expect(code).toBe(0)
    expect(seen).toEqual(["a", "b", "c"])
    expect(asked).toHaveLength(1)
    const places = ["a", "b", "c"].map((it) => stdout.indexOf(`${nameOf(it)}\n  digest `))
    expect(places).toEqual(places.toSorted((one, other) => one - other))
    expect(places[0]).toBeGreaterThan(0)
  })

  test("--quiet prints a line for each that is there", async () => {
    const { code, stdout, stderr } = await ran("pull a bad c --quiet", some)
    expect(stdout).toBe(`${nameOf("a")}@${image.digest}\n${nameOf("c")}@${image.digest}\n`)
    expect(stderr).toMatch(/^ociflow: ManifestNotFound: bad: /)
    expect(code).toBe(1)
  })

  test.for([
    ["pull a b", 0, 0],
    ["pull a bad c", 1, 1],
    ["pull bad a worse", 2, 2],
    ["pull worse bad", 2, 2]
  ] as const)(
    "%s exits with %i, which tells the worst, and says each of %i failures",
    async ([argv, exit, failures]) => {
      const { code, stderr } = await ran(argv, some)
      expect(code).toBe(exit)
      expect(stderr.match(/^ociflow: /gm) ?? []).toHaveLength(failures)
    }
  )

  test("with --json each line names its image in full, and each has a last line", async () => {
    const { code, stdout } = await ran("pull a bad c --json", some)
    expect(code).toBe(1)
    const lines = linesOf(stdout)
    expect(lines.map(({ _tag, reference }) => `${_tag} ${reference}`).toSorted()).toEqual([
      `Failed ${nameOf("bad")}`,
      `Pulled ${nameOf("a")}`,
      `Pulled ${nameOf("c")}`,
      `Resolving ${nameOf("a")}`,
      `Resolving ${nameOf("bad")}`,
      `Resolving ${nameOf("c")}`
    ])
  })

  test("a mistake of ours ends all of them", async () => {
    const { code, stderr } = await ran("pull a b", (reference) =>
      reference === "a" ? NEVER : throwError(() => new TypeError("no"))
    )
    expect(code).toBe(1)
    expect(stderr).toContain("ociflow: Defect: TypeError: no")
  })

  test.for([["pull a b --name c"], ["pull a b --name c --json"]])("have no name in common: %s", async ([argv = ""]) => {
    const { code, stdout, stderr, asked } = await ran(argv)
    expect(code).toBe(2)
    // Nothing was opened.
    expect(asked.map(({ reference, closed }) => reference ?? closed)).toEqual([undefined])
    expect(stderr).toContain("--name is for one image at a time")
    expect(stdout).toEqual(argv.includes("--json") ? expect.stringContaining('"InvalidOption"') : "")
    expect((await ran("pull a a --name c")).code).toBe(0)
  })
})

describe("ociflow pull --interval", () => {
  const bytes = [started(6), ...[0.1, 0.2, 0.3].map((share) => progress(6, share, share)), done(6)]
  const tagsOf = async (flags: string) =>
    linesOf((await ran(`pull x --json ${flags}`, from(bytes))).stdout).map(({ _tag, received }) => received ?? _tag)
  const received = (share: number) => Math.floor(share * 6 * 2 ** 20)

  test.for([
    ["--interval 0", [0.1, 0.2, 0.3]],
    ["--interval 5", [0.1]],
    ["--interval 2m", [0.1]],
    ["", [0.1]]
  ] as const)("%s: progress is thinned out, the first and every other event are told", async ([flags, shares]) => {
    expect(await tagsOf(flags)).toEqual(["LayerStarted", ...shares.map(received), "LayerDone"])
  })

  test("no failure is held back", async () => {
    const failing = concat(
      from(bytes.slice(0, 4)),
      throwError(() => new PullError({ reference: "x", reason: sampleReason("DigestMismatch") }))
    )
    const lines = linesOf((await ran("pull x --json --interval 1d", failing)).stdout)
    expect(lines.at(-1)).toMatchObject({ _tag: "Failed", reason: "DigestMismatch" })
  })

  test.for(["-1", "x", "25h", "2d", "1e9", ""])("takes seconds from 0 to a day, not %s", async (text) => {
    const { code, stderr } = await start(["pull", "x", `--interval=${text}`]).result
    expect(code).toBe(2)
    expect(stderr).toMatch(/interval/)
  })
})

describe("a pull that fails", () => {
  const reason = new ManifestNotFound({
    url: "https://ghcr.io/v2/a/b/manifests/1",
    code: "MANIFEST_UNKNOWN",
    detail: "\u001b[2J"
  })
  const failing = concat(
    of<PullEvent>({ _tag: "Resolving", reference: "ghcr.io/a/b:1" }),
    throwError(() => new PullError({ reference: "ghcr.io/a/b:1", reason }))
  )

  test("ends with 1, the reason's name, what happened and what to do", async () => {
    const { code, stderr } = await ran("pull ghcr.io/a/b:1", failing)
    expect(code).toBe(1)
    expect(stderr).toBe(
      "ociflow: ManifestNotFound: ghcr.io/a/b:1: manifest not found: https://ghcr.io/v2/a/b/manifests/1 (MANIFEST_UNKNOWN:  [2J)\n" +
        "  Check the repository and the tag or digest; a private repository may need credentials.\n"
    )
  })

  test("with --json is the last line of JSON as well", async () => {
    const { code, stdout, stderr } = await ran("pull ghcr.io/a/b:1 --json", failing)
    expect(code).toBe(1)
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toEqual({
      _tag: "Failed",
      reference: "ghcr.io/a/b:1",
      reason: "ManifestNotFound",
      message: reason.message,
      advice: reason.advice,
      isRetryable: false
    })
    expect(stderr).toContain("ociflow: ManifestNotFound: ")
  })

  test("because an option cannot be used was asked wrongly: 2", async () => {
    const wrong = new InvalidOption({ option: "platform", problem: "not os/architecture" })
    const { code, stderr } = await ran(
      "pull x",
      throwError(() => new PullError({ reference: "x", reason: wrong }))
    )
    expect(code).toBe(2)
    expect(stderr).toContain("InvalidOption")
  })

  test("by a mistake of ours ends with 1 and asks for a report", async () => {
    const { code, stderr } = await ran(
      "pull x",
      throwError(() => new TypeError("undefined is not a function"))
    )
    expect(code).toBe(1)
    expect(stderr).toContain("ociflow: Defect: TypeError: undefined is not a function")
    expect(stderr).toContain("Please report it")
  })
})

describe("a pull that is interrupted", () => {
  const interrupt = async (argv: ReadonlyArray<string>, events: ReadonlyArray<PullEvent>) => {
    let unsubscribed = false
    const { fiber, result, asked } = await new Promise<ReturnType<typeof start>>((resolve) => {
      const stalled = defer(() => {
        queueMicrotask(() => resolve(pulling))
        return NEVER
      })
      const source = concat(from(events), stalled).pipe(
        finalize(() => {
          unsubscribed = true
        })
      )
      const pulling = start(argv, source)
    })
    fiber.interruptUnsafe()
    const { code, stdout, stderr } = await result
    expect(code).toBe(143)
    expect(unsubscribed).toBe(true)
    expect(asked[0]?.closed).toBe(true)
    return { stdout, stderr }
  }

  test("cancels it, closes the library, and then says what was kept", async () => {
    const { stderr } = await interrupt(["pull", "debian:12"], story.slice(0, -1))
    expect(stderr).toBe("Interrupted: all 6 layers are complete and kept.\n")
  })

  test("says it in JSON where that is wanted", async () => {
    const { stdout } = await interrupt(["pull", "debian:12", "--json"], story.slice(0, 5))
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toEqual({
      _tag: "Interrupted",
      reference,
      layers: [digestOf(1)],
      partials: [{ digest: digestOf(2), offset: 3 * 2 ** 19, size: layers[1]?.size }]
    })
  })

  test("says from where the next pull goes on with each layer that was cut off", async () => {
    const { stderr } = await interrupt(["pull", "debian:12"], story.slice(0, 5))
    expect(stderr.split("\n")).toEqual([
      "Interrupted: 1 of 6 layers is complete and kept. Downloaded bytes are kept. The next pull continues this layer:",
      `  02020202 continues at 1.50 MiB of ${formatBytes(layers[1]?.size ?? 0)}`,
      ""
    ])
  })

  test("says it of each of several that was not over, and what failed before", async () => {
    let unsubscribed = 0
    const pulling = start(["pull", "debian:12", "failed", "done", "begun", "--json"], (name) => {
      if (name === "failed")
        return throwError(() => new PullError({ reference: name, reason: sampleReason("ManifestNotFound") }))
      if (name === "done") return from(story)
      const { length } = name === "begun" ? [resolving] : story.slice(0, 5)
      return concat(from(story.slice(0, length)), NEVER).pipe(finalize(() => unsubscribed++))
    })
    while (!pulling.stdout.text.includes("Pulled")) await new Promise((resolve) => setImmediate(resolve))
    pulling.fiber.interruptUnsafe()
    const { code, stdout, stderr } = await pulling.result
    expect(code).toBe(143)
    expect(unsubscribed).toBe(2)
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(/^ociflow: ManifestNotFound: failed: /),
      expect.stringMatching(/^ {2}Check /),
      "Interrupted: debian:12: 1 of 6 layers is complete and kept. Downloaded bytes are kept. The next pull continues this layer:",
      expect.stringContaining("  02020202 continues at 1.50 MiB of "),
      "Interrupted: begun: no layer was complete yet.",
      ""
    ])
    const ends = linesOf(stdout).filter(({ _tag }) => /Interrupted|Failed|Pulled/.test(_tag))
    expect(ends.map(({ _tag }) => _tag).toSorted()).toEqual(["Failed", "Interrupted", "Interrupted", "Pulled"])
  })

  test("with nothing complete says so", async () => {
    const { stderr } = await interrupt(["pull", "debian:12"], [resolving, warning, started(1)])
    expect(stderr).toBe("Interrupted: no layer was complete yet.\n")
  })
})

describe("ociflow images", () => {
  test("is a table whose columns are aligned", async () => {
    const { stdout, asked } = await ran("images --root /r")
    expect(stdout.split("\n")).toEqual([
      "REFERENCE                    PLATFORM                    DIGEST               LAYERS  SIZE       PULLED",
      `${reference}  linux/amd64,linux/arm64/v8  sha256:c8c8c8c8c8c8  6       21.00 MiB  2026-02-03 04:05`,
      ""
    ])
    expect(asked).toEqual([{ puller: { root: "/r" }, page: {}, closed: true }])
  })

  test("with --json is an array", async () => {
    expect(JSON.parse((await ran("images --json")).stdout)).toEqual([summary])
  })
  test("asks for a page by its length and the reference before it", async () => {
    const { asked } = await ran("images --limit 20 --after debian:12")
    expect(asked[0]?.page).toEqual({ limit: 20, after: "debian:12" })
    expect((await ran("images --limit 0")).stderr).toContain("1 or more")
  })
})

describe("looking", () => {
  test("resolve shows digest, platforms and sizes; with --json all of it", async () => {
    const { stdout, code } = await ran("resolve debian:12")
    expect(code).toBe(0)
    expect(stdout).toContain(image.digest)
    expect(stdout).toMatch(/linux\/amd64 +sha256:\w+ +6 +1\.00 MiB\n$/)
    expect(JSON.parse((await ran("resolve debian:12 --json")).stdout)).toEqual(resolution)
  })

  test("manifest prints the very bytes, or JSON to be read on a terminal, where no escape passes", async () => {
    expect((await ran("manifest debian:12")).stdout).toBe(text)
    const terminal = Object.assign(new CapturedOutput(), { isTTY: true })
    await start(["manifest", "debian:12"], NEVER, terminal).result
    expect(terminal.text).toBe('{\n  "schemaVersion": 2,\n  "x": "\\u009b31m"\n}\n')
    const { stdout, asked } = await ran("manifest debian:12 --json --platform linux/arm64")
    expect(JSON.parse(stdout)).toEqual({ ...about, manifest: JSON.parse(text) })
    expect(asked[0]?.options).toEqual({ platform: "linux/arm64" })
  })

  test("tags and referrers are told line by line, or as one array", async () => {
    expect((await ran("tags debian")).stdout).toBe("1\n2\n[31mred\n")
    expect(JSON.parse((await ran("tags debian --json")).stdout)).toEqual(tags)
    expect((await ran("referrers debian:12")).stdout).toBe(`${image.digest}  100 B  a/sbom\n`)
    expect(JSON.parse((await ran("referrers debian:12 --json")).stdout)).toEqual([referrer])
  })
})

describe("flags for the network", () => {
  test("are options for the hosts that they name", async () => {
    const flags =
      "--mirror docker.io=https://m/v2?a=b --mirror https://all --ca /ca.pem --insecure reg:5000 " +
      "--client-cert reg:5000=/c.pem --client-key reg:5000=/k.pem --hosts-dir /a --hosts-dir /b " +
      "--trusted-host reg:5000=minio:9000 --trusted-host 10.0.0.0/8"
    for (const command of ["pull debian:12", "resolve debian:12", "tags debian", "verify"]) {
      const [asked] = (await ran(`${command} ${flags}`)).asked
      expect(asked?.puller).toMatchObject({
        hosts: {
          "docker.io": { mirrors: ["https://m/v2?a=b"] },
          "*": { mirrors: ["https://all"], ca: ["/ca.pem"], trustedHosts: ["10.0.0.0/8"] },
          "reg:5000": {
            client: [{ cert: "/c.pem", key: "/k.pem" }],
            insecure: true,
            trustedHosts: ["minio:9000"]
          }
        },
        hostsDirs: ["/a", "/b"]
      })
    }
  })

  test("bound the time that is waited, in all and where a registry asks for it", async () => {
    for (const command of ["pull debian:12", "resolve debian:12", "verify"]) {
      const [asked] = (await ran(`${command} --timeout 1.5m --max-wait 1h`)).asked
      expect(asked?.puller).toMatchObject({ timeouts: { total: 90_000 }, retry: { maxWait: 3_600_000 } })
    }
    expect((await ran("pull debian:12 --timeout soon")).code).toBe(2)
  })

  test("that are for one host must name it", async () => {
    expect((await ran("pull debian:12 --client-cert /c.pem")).code).toBe(2)
  })
})

const chart = { reference: "r.test/chart:1", digest: digestOf(1), mediaType: "a/b", size: 1 }
const artifact = {
  ...{ ...chart, artifactType: "application/vnd.cncf.helm.config.v1+json", annotations: {}, config: chart },
  ...{ manifest: { ...chart, text: "{}" } },
  files: [{ ...chart, name: "chart.tgz", path: "/here/chart.tgz", annotations: {}, unpacked: false }]
}

describe("ociflow artifact pull", () => {
  test("asks for the files that the flags say, and prints where they are", async () => {
    const { stdout, asked } = await ran("artifact pull r.test/chart:1 --into /here --accept a/b --accept c/d --unpack")
    expect(asked).toMatchObject([
      { reference: "r.test/chart:1", options: { into: "/here", accept: ["a/b", "c/d"], unpack: true } }
    ])
    expect(stdout).toContain("/here/chart.tgz")
    const plain = await ran("artifact pull r.test/chart:1 --json --artifact-type x/y")
    expect(JSON.parse(plain.stdout)).toEqual(artifact)
    expect(plain.asked[0]?.options).toEqual({ into: ".", artifactType: "x/y", platform: undefined })
  })
})

describe("flags for signatures", () => {
  const rule = (requirement: object) => ({ rules: [{ scope: "*", any: [requirement] }] })
  const cases: ReadonlyArray<readonly [flags: string, verify: object]> = [
    ["key=/a.pub", rule({ key: ["/a.pub"] })],
    ["key=/a.pub key=/b.pub", rule({ key: ["/a.pub", "/b.pub"] })],
    ["identity=me@r.test issuer=https://i", rule({ identity: "me@r.test", issuer: "https://i", tuf: true })],
    ["identity-regexp=^me$ issuer=https://i", rule({ identity: /^me$/, issuer: "https://i", tuf: true })]
  ]
  const written = (flags: string, prefix: string) =>
    flags
      .split(" ")
      .map((it) => `--${prefix}${it.replace("=", " ")}`)
      .join(" ")

  test.each(cases)("are the option verify: %s", async (flags, verify) => {
    for (const command of [
      `pull debian:12 ${written(flags, "verify-")}`,
      `verify-signature debian:12 ${written(flags, "")}`
    ]) {
      const { asked, code } = await ran(command)
      expect(code).toBe(0)
      expect(asked[0]?.puller).toMatchObject({ verify })
    }
  })

  test("name a trusted root or a policy", async () => {
    const root = "--verify-identity me --verify-issuer https://i --trusted-root /r.json"
    expect((await ran(`pull debian:12 ${root}`)).asked[0]?.puller).toMatchObject({
      verify: rule({ identity: "me", issuer: "https://i", trustedRoot: "/r.json" })
    })
    expect((await ran("pull debian:12 --policy-file /p.json")).asked[0]?.puller).toMatchObject({
      verify: { policyFile: "/p.json" }
    })
  })

  test.each([
    "verify-signature debian:12",
    "verify-signature debian:12 --identity me",
    "verify-signature debian:12 --issuer https://i",
    "verify-signature debian:12 --identity-regexp ( --issuer https://i",
    "verify-signature debian:12 --key a --policy-file b",
    "pull debian:12 --trusted-root /r.json"
  ])("that make no sense are wrong usage: %s", async (command) => {
    expect((await ran(command)).code).toBe(2)
  })

  test("without any of them leave the option out", async () => {
    expect((await ran("pull debian:12")).asked[0]?.puller).not.toHaveProperty("verify")
  })
})

describe("ociflow bundle", () => {
  test("asks for what the flags say, with the arguments behind the directory", async () => {
    const argv =
      "bundle debian:12 there --rootless --user app:7 --env A=b=c --env D= --cwd /srv --hostname h --terminal --readonly"
    const { code, asked, stdout } = await ran(`${argv} --root /r --policy always -- /bin/sh -c --x`)
    expect(code).toBe(0)
    expect(asked).toMatchObject([
      {
        puller: { root: "/r" },
        reference: "debian:12",
        path: "there",
        options: {
          args: ["/bin/sh", "-c", "--x"],
          env: { A: "b=c", D: "" },
          user: "app:7",
          policy: "always",
          rootless: true,
          cwd: "/srv",
          hostname: "h",
          terminal: true,
          readonly: true
        }
      }
    ])
    expect(stdout).toContain(bundle.path)
  })

  test("leaves to the image and the library what no flag says", async () => {
    const { asked, stdout } = await ran("bundle debian:12 there --json")
    expect(asked[0]?.options).toEqual({ env: {}, terminal: false, readonly: false })
    expect(JSON.parse(stdout)).toEqual(bundle)
    expect((await ran("bundle debian:12 there --no-rootless")).asked).toMatchObject([{ options: { rootless: false } }])
    expect((await ran("bundle debian:12 there --env A")).code).toBe(2)
  })
})

describe("ociflow inspect", () => {
  test("prints the image's config, for a platform and over the network that the flags say", async () => {
    const { stdout, asked } = await ran("inspect debian:12 --config --platform linux/arm64 --plain-http --json")
    expect(JSON.parse(stdout)).toEqual(image.config)
    expect(asked).toMatchObject([{ puller: { plainHttp: true }, options: { platform: "linux/arm64" } }])
    expect(JSON.parse((await ran("inspect debian:12 --config")).stdout)).toEqual(image.config)
  })

  test("shows the image, each platform and its layers", async () => {
    const { stdout } = await ran("inspect debian:12")
    for (const text of [
      reference,
      image.digest,
      image.manifestDigest,
      image.configDigest,
      layers[5]?.path ?? "?",
      '["sh","-c","\\u001b[31mred"]',
      "/srv"
    ]) {
      expect(stdout).toContain(text)
    }
    expect(stdout).not.toContain("\u001b")
    expect(stdout).not.toContain("user")
  })

  test("with --json is one object", async () => {
    expect(JSON.parse((await ran("inspect debian:12 --json")).stdout)).toEqual(details)
  })

  test("of an image that is not there fails", async () => {
    const { code, stdout, stderr } = await ran("inspect alpine:3.20 --json")
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ _tag: "Failed", reason: "NotCached", reference: "alpine:3.20" })
    expect(stderr).toContain("ociflow: NotCached: alpine:3.20: ")
    expect(stderr).toContain("ociflow images lists what is stored")
  })
})

describe("ociflow verify", () => {
  test("looks with the eyes of who pulls: the flags of the extraction are the same", async () => {
    const { code, asked } = await ran("verify --ownership none --stat-format containers --layout overlay --repair")
    expect(code).toBe(0)
    expect(asked[0]?.puller).toMatchObject({ ownership: "none", statFormat: "containers", layout: "overlay" })
  })
})

describe("a wrong call", () => {
  test.for([
    [""],
    ["frobnicate"],
    ["pull"],
    ["inspect"],
    ["images a"],
    ["pull a --frobnicate"],
    ["pull a --policy sometimes"],
    ["pull a --concurrency 0"],
    ["pull a --concurrency 1.5"],
    ["pull a --concurrency many"],
    ["pull a --root="],
    ["pull a --log-level loud"],
    ["pull a --json=perhaps"],
    ["completion"],
    ["completion tcsh"]
  ])("ends with 2, asks the library for nothing and keeps stdout clean: %s", async ([argv = ""]) => {
    const { code, stdout, stderr, asked } = await ran(argv)
    expect(code).toBe(2)
    expect(asked).toEqual([])
    expect(stdout).toBe("")
    expect(stderr).toMatch(/usage/i)
  })

  test("prints no control character of an argument", async () => {
    const { code, stderr } = await start(["pull", "a", "--policy", "\u001b]0;x\u0007"]).result
    expect(code).toBe(2)
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  })
})

test.for(["bash", "zsh", "fish", "powershell"])(
  "completion %s prints a script that knows the commands",
  async (shell) => {
    const { code, stdout, asked } = await ran(`completion ${shell}`)
    expect(code).toBe(0)
    expect(asked).toEqual([])
    expect(stdout).toMatch(/inspect/)
    expect(stdout).not.toMatch(/--completions|ociflow-stored-references/)
    // It is for scripts alone.
    if (shell === "powershell") expect(stdout).not.toContain("complete-references")
    expect((await ran("--help")).stdout).not.toContain("complete-references")
  }
)

test.each([
  ["complete-references", "debian:12\n"],
  ["complete-references --typed=deb", "debian:12\n"],
  ["complete-references --typed=docker.io", `${reference}\n`],
  ["complete-references --typed=x", ""]
])("%s offers what is typed, of the store alone", async (argv, offered) => {
  const { code, stdout, stderr, asked } = await ran(`${argv} --root /r`)
  expect([code, stdout, stderr]).toEqual([0, offered, ""])
  expect(asked[0]?.puller).toEqual({ root: "/r" })
})

describe("help and version", () => {
  test.for([["--help"], ["pull --help"], ["--version"], ["images -h"]])(
    "%s goes to stdout with 0",
    async ([argv = ""]) => {
      const { code, stdout, stderr } = await ran(argv)
      expect(code).toBe(0)
      expect(stdout).toContain("ociflow")
      expect(stderr).toBe("")
    }
  )
})

describe("ociflow ls", () => {
  test("lists names, one a line; with -l as ls(1) does; what a terminal obeys is escaped", async () => {
    expect((await ran("ls debian:12 /etc")).stdout).toBe("d\nf\nl\\u001b[31m\nn\n")
    const { stdout, asked } = await ran("ls -l debian:12 /etc")
    expect(asked[0]).toMatchObject({ reference: "debian:12", path: "/etc" })
    expect(stdout.split("\n")).toEqual([
      "drwxrwxrwt  0  100  0     1970-01-01T00:00:00  d",
      "-rwsr-xr-x  1  100  1000  2001-09-09T01:46:40  f",
      "lrwxrwxrwx  2  100  2000  2033-05-18T03:33:20  l\\u001b[31m -> \\u202ex",
      "crw-r-----  3  100  1,3   2065-01-24T05:20:00  n",
      ""
    ])
    expect(JSON.parse((await ran("ls --json debian:12")).stdout)[1]).toMatchObject({
      name: "f",
      path: "etc/f",
      xattrs: { "user.a": "Yg==" }
    })
  })
})

test("ociflow cat writes a file's bytes", async () => {
  const { asked, code } = await ran("cat debian:12 etc/os-release")
  expect(code).toBe(0)
  expect(asked[0]).toMatchObject({ reference: "debian:12", path: "etc/os-release" })
})
