import { concat, from, mergeMap, NEVER, Subject, throwError } from "rxjs"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { PullError } from "../../../src/api/errors.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { notificationsOf, type PullNotification } from "../../../src/cli/progress/PullNotification.ts"
import { type ShowOptions, showPull, showProgress as showPulls } from "../../../src/cli/progress/progress.ts"
import { sampleReason } from "../../support/reasons.ts"
import {
  CapturedOutput,
  done,
  layers,
  progress,
  pulled,
  reference,
  resolved,
  resolving,
  started,
  story,
  warning
} from "../events.ts"

const showProgress = (options: Omit<ShowOptions, "references">) => showPull(reference, options)

const hide = "\u001b[?25l"
const show = "\u001b[?25h"
const terminal = () => new CapturedOutput({ columns: 100, rows: 30 })

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] }))
afterEach(() => {
  vi.useRealTimers()
})

/** Time for the library that repaints to load, and for a picture. */
const picture = async () => {
  await vi.advanceTimersByTimeAsync(80)
  await vi.dynamicImportSettled()
  await vi.advanceTimersByTimeAsync(80)
}

describe("on a terminal", () => {
  test("events pass unchanged and in order", () => {
    const seen: Array<PullEvent> = []
    from(story)
      .pipe(showProgress({ stream: terminal() }))
      .subscribe((event) => seen.push(event))
    expect(seen).toEqual(story)
  })

  test("a pull that ends before the first picture leaves the last one and touches no cursor", () => {
    const stream = terminal()
    from(story)
      .pipe(showProgress({ stream, color: false }))
      .subscribe()
    expect(stream.text).not.toContain("\u001b")
    expect(stream.lines).toContain("✓ Extract layers       6 / 6  in 0.0 s")
  })

  test("pictures come at most each 80 ms, however many events there are", async () => {
    const stream = terminal()
    const events = new Subject<PullEvent>()
    const subscription = events.pipe(showProgress({ stream, color: false })).subscribe()
    events.next(resolving)
    events.next(resolved)
    events.next(started(6))
    await picture()
    const before = stream.text.split("Extract").length
    for (let i = 0; i < 1000; i++) events.next(progress(6, i / 1000, i / 1000))
    expect(stream.text.split("Extract").length).toBe(before)
    await vi.advanceTimersByTimeAsync(80)
    expect(stream.text.split("Extract").length).toBe(before + 1)
    expect(stream.text).toContain("5.99 MiB / 6.00 MiB")
    subscription.unsubscribe()
  })

  test.for([
    ["completes", (events: Subject<PullEvent>) => events.complete()],
    ["fails", (events: Subject<PullEvent>) => events.error(new Error("no"))],
    ["is unsubscribed", (_: Subject<PullEvent>, unsubscribe: () => void) => unsubscribe()]
  ] as const)("the cursor comes back when the pull %s, and nothing is left running", async ([, end]) => {
    const stream = terminal()
    const events = new Subject<PullEvent>()
    const listeners = process.listenerCount("exit")
    const subscription = events.pipe(showProgress({ stream })).subscribe({ error: () => {} })
    events.next(resolving)
    await picture()
    expect(stream.text).toContain(hide)
    expect(stream.text).not.toContain(show)
    end(events, () => subscription.unsubscribe())
    expect(stream.text.lastIndexOf(show)).toBeGreaterThan(stream.text.lastIndexOf("Fetch"))
    expect(stream.text.split(show)).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
    expect(process.listenerCount("exit")).toBe(listeners)
  })

  test("a library that loads after the end draws nothing", async () => {
    const stream = terminal()
    const subscription = NEVER.pipe(showProgress({ stream })).subscribe()
    vi.advanceTimersByTime(80)
    subscription.unsubscribe()
    const { text } = stream
    await vi.dynamicImportSettled()
    expect(stream.text).toBe(text)
  })

  test("a warning stays above the bars, without its control characters", async () => {
    const stream = terminal()
    const events = concat(from([resolving, resolved, warning]), NEVER)
    const subscription = events.pipe(showProgress({ stream, color: false })).subscribe()
    await picture()
    subscription.unsubscribe()
    const at = stream.lines.indexOf("warning: no [2J xattrs here")
    expect(at).toBeGreaterThanOrEqual(0)
    expect(stream.lines.findLastIndex((line) => line.includes("Fetch image details"))).toBeGreaterThan(at)
  })

  test.for([
    [100, 30, 3],
    [70, 30, 3],
    [40, 30, 5],
    [100, 12, 3],
    [100, 3, 2]
  ] as const)(
    "of %i×%i after another size, the old picture is erased, however it was wrapped",
    async ([columns, rows, lines]) => {
      const stream = terminal()
      const events = new Subject<PullEvent>()
      const subscription = events.pipe(showProgress({ stream, color: false })).subscribe()
      // Lines of 63, 49 and 34 characters.
      const one = { ...resolved, layers: [] }
      for (const event of [resolving, { ...one, layers: layers.slice(0, 1) }, done(1)]) events.next(event)
      await picture()
      const { length } = stream.text
      Object.assign(stream, { columns, rows })
      await vi.advanceTimersByTimeAsync(80)
      const erased = /\u001b\[(\d+)A\u001b\[J/i.exec(stream.text.slice(length))
      expect(erased?.[1]).toBe(columns === 100 && rows === 30 ? undefined : String(lines))
      subscription.unsubscribe()
    }
  )

  test("colour is what the stream says, unless it is asked for", () => {
    const stream = Object.assign(terminal(), { hasColors: () => true })
    from(story).pipe(showProgress({ stream })).subscribe()
    expect(stream.text).toContain("\u001b[32m")
    const grey = Object.assign(terminal(), { hasColors: () => true })
    from(story)
      .pipe(showProgress({ stream: grey, color: false }))
      .subscribe()
    expect(grey.text).not.toContain("\u001b[32m")
  })
})

describe("where bars cannot be drawn", () => {
  const lines = [
    `Resolving ${reference}`,
    "retry 2 in 1.5 s: BlobInterrupted: download broke",
    `Resolved ${resolved.digest} for linux/amd64: 6 layers, 21.00 MiB`,
    "01010101: already in place",
    "02020202: waiting for another pull",
    "03030303: pulling 3.00 MiB",
    "04040404: continues at 1.00 MiB of 4.00 MiB",
    "04040404: retry 2 in 1.5 s: BlobInterrupted: download broke",
    "warning: no [2J xattrs here",
    "03030303: done, 100 entries, 9.00 MiB",
    "04040404: done, 100 entries, 12.00 MiB",
    "02020202: already in place",
    "05050505: pulling 5.00 MiB",
    "05050505: done, 100 entries, 15.00 MiB",
    "06060606: pulling 6.00 MiB",
    "06060606: done, 100 entries, 18.00 MiB",
    ""
  ]
  const told = (stream: CapturedOutput, plain?: boolean) => {
    from(story).pipe(showProgress({ stream, plain })).subscribe()
    return stream.lines
  }

  test("each step is a line: no terminal, one without a size, one that carries a log", () => {
    expect(told(new CapturedOutput())).toEqual(lines)
    expect(told(Object.assign(new CapturedOutput(), { isTTY: true }))).toEqual(lines)
    expect(told(terminal(), true)).toEqual(lines)
  })

  test("how far the whole image is comes every ten seconds, if it has changed, and not after its end", async () => {
    const stream = new CapturedOutput()
    const events = new Subject<PullEvent>()
    events.pipe(showProgress({ stream })).subscribe()
    for (const event of [resolving, resolved, started(6)]) events.next(event)
    const { length } = stream.lines
    for (let i = 0; i < 100; i++) events.next(progress(6, i / 100, i / 100))
    expect(stream.lines).toHaveLength(length)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(stream.lines.slice(length - 1)).toEqual([expect.stringMatching(/^5\.94 MiB of 21\.00 MiB, 28 %/), ""])
    events.next(progress(6, 1, 1))
    events.next(done(6))
    events.next(pulled)
    events.complete()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(stream.lines.slice(length)).toEqual(["06060606: done, 100 entries, 18.00 MiB", ""])
    expect(vi.getTimerCount()).toBe(0)
  })

  test("errors pass, and quiet writes nothing", () => {
    const stream = terminal()
    let error: unknown
    throwError(() => "no")
      .pipe(showProgress({ stream: new CapturedOutput() }))
      .subscribe({ error: (e) => (error = e) })
    expect(error).toBe("no")
    from(story)
      .pipe(showProgress({ stream, quiet: true }))
      .subscribe()
    expect(stream.text).toBe("")
  })
})

describe("several pulls", () => {
  const references = ["debian:12", "alpine:3"] as const
  const [debian, alpine] = references
  /** Of a pull, by its name. */
  const both = (options: Omit<ShowOptions, "references">) => {
    const pulls = { [debian]: new Subject<PullEvent>(), [alpine]: new Subject<PullEvent>() }
    const seen: Array<PullNotification> = []
    const subscription = from(references)
      .pipe(
        mergeMap((name) => pulls[name].pipe(notificationsOf(name))),
        showPulls({ ...options, references })
      )
      .subscribe((it) => seen.push(it))
    return { debian: pulls[debian], alpine: pulls[alpine], seen, subscription }
  }

  test("each line names its image, and one that fails does not stop the others", async () => {
    const stream = new CapturedOutput()
    const { debian, alpine, seen } = both({ stream, interval: 1000 })
    for (const event of [resolving, resolved, started(6)]) debian.next(event)
    alpine.next(resolving)
    alpine.error(new PullError({ reference: "alpine:3", reason: sampleReason("ManifestNotFound") }))
    debian.next(progress(6, 0.5, 0.5))
    await vi.advanceTimersByTimeAsync(1000)
    debian.next(warning)
    debian.next(done(6))
    debian.next(pulled)
    debian.complete()
    expect(stream.lines).toEqual([
      `debian:12: Resolving ${reference}`,
      `debian:12: Resolved ${resolved.digest} for linux/amd64: 6 layers, 21.00 MiB`,
      "debian:12: 06060606: pulling 6.00 MiB",
      `alpine:3: Resolving ${reference}`,
      "alpine:3: failed: ManifestNotFound",
      expect.stringMatching(/^debian:12: 3\.00 MiB of 21\.00 MiB, 14 %/),
      "debian:12: warning: no [2J xattrs here",
      "debian:12: 06060606: done, 100 entries, 18.00 MiB",
      "debian:12: complete",
      ""
    ])
    expect(seen.map(({ reference, said: { kind } }) => `${reference} ${kind}`)).toContain("alpine:3 E")
    expect(vi.getTimerCount()).toBe(0)
  })

  test("are drawn in one picture, in the order they were given, until the last is over", async () => {
    const stream = terminal()
    const { debian, alpine } = both({ stream, color: false })
    for (const event of [resolving, resolved, started(6)]) alpine.next(event)
    debian.next(resolving)
    debian.error(new PullError({ reference: "debian:12", reason: sampleReason("AccessDenied") }))
    await picture()
    const lines = stream.lines.slice(-9)
    expect(lines[0]).toContain("✗ debian:12  AccessDenied")
    expect(lines[1]).toMatch(/^. alpine:3 {3}0 % {2}0 B \/ 21\.00 MiB$/)
    expect(lines[2]).toMatch(/^ {2}01010101 {2}-{20}/)
    expect(lines[7]).toMatch(/^ {2}06060606 {2}-{20}/)
    expect(stream.text).not.toContain(show)
    const { length: before } = stream.text
    alpine.next(pulled)
    alpine.complete()
    expect(stream.text).toContain(show)
    // Only what has changed is drawn again.
    expect(stream.text.slice(before)).toMatch(/✓ alpine:3 {3}in 0\.\d s/)
    expect(vi.getTimerCount()).toBe(0)
  })

  test("are all ended by unsubscribing", async () => {
    const stream = terminal()
    const { debian, alpine, subscription } = both({ stream })
    debian.next(resolving)
    alpine.next(resolving)
    await picture()
    subscription.unsubscribe()
    expect([debian.observed, alpine.observed]).toEqual([false, false])
    expect(stream.text).toContain(show)
    expect(vi.getTimerCount()).toBe(0)
  })
})
