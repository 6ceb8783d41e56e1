import { stripVTControlCharacters } from "node:util"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { type FrameOptions, frame } from "../../../src/cli/progress/frame.ts"
import { frameOfSeveral } from "../../../src/cli/progress/frameOfSeveral.ts"
import { advance, initial } from "../../../src/progress/advance.ts"
import type { PullView } from "../../../src/progress/PullView.ts"
import {
  cached,
  done,
  layers,
  progress,
  pulled,
  reference,
  resolved,
  resolving,
  retrying,
  started,
  story,
  warning
} from "../events.ts"
import { views } from "../views.ts"

const plain: FrameOptions = { color: false, columns: 110, rows: 40, tick: 0, now: 0 }
const draw = (events: ReadonlyArray<PullEvent>, look: Partial<FrameOptions> = {}) =>
  frame(events.reduce((state, event) => advance(state, event, 0), initial).view, { ...plain, ...look }).split("\n")

const widths = fc.integer({ min: 1, max: 200 })
const heights = fc.integer({ min: 6, max: 50 })

describe("a picture of a pull", () => {
  test("begins with a line for the details, which turns while they are fetched", () => {
    expect(draw([resolving])).toEqual([`⠋ Fetch image details  ${reference}`])
    expect(draw([resolving], { tick: 1 })).toEqual([`⠙ Fetch image details  ${reference}`])
    expect(draw([resolving, resolved])[0]).toBe(`✓ Fetch image details  ${reference}  linux/amd64`)
  })

  test("has a bar for each layer that is not in place: extracted, arrived, to come", () => {
    const lines = draw([resolving, resolved, cached(1), started(2), progress(2, 0.5, 0.25), done(3)])
    expect(lines[1]).toBe("⠋ Download layers      2 / 6  5.00 MiB / 21.00 MiB")
    expect(lines[2]).toBe("⠋ Extract layers       2 / 6  22 %")
    expect(lines.slice(3).map((line) => line.slice(2, 10))).toEqual(["02020202", "04040404", "05050505", "06060606"])
    expect(lines[3]).toContain(
      `${"=".repeat(10)}${"+".repeat(10)}${"-".repeat(20)}    1.00 MiB / 2.00 MiB    25 entries`
    )
    expect(lines[4]).toContain(`${"-".repeat(40)}         0 B / 4.00 MiB`)
  })

  test("shows a retry until bytes flow again", () => {
    const before = [resolving, resolved, started(4), progress(4, 0.25, 0.25), retrying(4)]
    expect(draw(before).join()).toContain("retry 2 in 1.5 s: BlobI")
    expect(draw([...before, progress(4, 0.5, 0.25)]).join()).toContain("retry 2")
    expect(draw([...before, started(4, 2 ** 20)]).join()).not.toContain("retry")
    expect(draw([resolving, retrying()]).join()).toContain("retry 2 in 1.5 s: BlobInterrupted")
    expect(draw([resolving, retrying(), resolved]).join()).not.toContain("retry")
  })

  test("keeps no bar at the end, and three ticks", () => {
    expect(draw(story)).toEqual([
      `✓ Fetch image details  ${reference}  linux/amd64`,
      "✓ Download layers      6 / 6  21.00 MiB / 21.00 MiB",
      "✓ Extract layers       6 / 6  in 0.0 s"
    ])
  })

  test("marks what was not reached when the pull fails", () => {
    const lines = draw([resolving, resolved, done(1)], { failed: true })
    expect(lines.slice(0, 3).map((line) => line.charAt(0))).toEqual(["✓", "✗", "✗"])
  })

  test("holds the layers under way where not all of them have room", () => {
    const lines = draw([resolving, resolved, started(5), started(6)], { rows: 8 })
    expect(lines).toHaveLength(7)
    expect(lines.slice(3).map((line) => line.slice(2, 10))).toEqual(["05050505", "06060606", "01010101", "+3 queue"])
  })

  test("never has a line wider than the terminal, nor more lines than fit, whatever the view tells", () => {
    fc.assert(
      fc.property(views, widths, heights, fc.boolean(), (view, columns, rows, failed) => {
        const lines = frame(view, { ...plain, columns, rows, failed }).split("\n")
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
        expect(lines.length).toBeLessThan(rows)
      })
    )
  })

  test("says how far the whole is: percentage, speed, time left; at the end the time and the average speed", () => {
    const events = [resolving, resolved, started(6), progress(6, 0.25, 0.125), progress(6, 0.5, 0.25), warning]
    const state = events.reduce((state, event, second) => advance(state, event, second * 1000), initial)
    const whole = (view: PullView) => frame(view, { ...plain, now: 4000 }).split("\n")[2]
    // 3 MiB of 21 arrived in the two seconds since the first byte, half of it is extracted: the rest of that takes longest.
    expect(whole(state.view)).toBe("⠋ Extract layers       0 / 6  10 %  1.50 MiB/s  26 s left")
    const end = [progress(6, 1, 1), done(6), pulled].reduce((all, event) => advance(all, event, 8000), state)
    expect(whole(end.view)).toBe("✓ Extract layers       6 / 6  in 8.0 s  768.00 KiB/s on average")
  })

  test("counts a retry down", () => {
    const state = [resolving, resolved, started(4), retrying(4)].reduce((all, event) => advance(all, event, 0), initial)
    const at = (now: number) => frame(state.view, { ...plain, now })
    expect(at(500)).toContain("retry 2 in 1.0 s")
    expect(at(5000)).toContain("retry 2: BlobInterrupted")
  })

  test("has colours only where they are wanted, and the same text either way", () => {
    const [grey, green] = [draw(story.slice(0, 9)).join("\n"), draw(story.slice(0, 9), { color: true }).join("\n")]
    expect(grey).not.toContain("\u001b")
    expect(green).toContain("\u001b[32m")
    expect(stripVTControlCharacters(green)).toBe(grey)
  })

  test("prints no control character of a remote text", () => {
    const lines = draw([
      { _tag: "Resolving", reference: "evil\u001b]0;title\u0007/x" },
      { ...resolved, platform: "linux\u009b2J" }
    ])
    expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })

  test("draws an empty layer as a bar to come", () => {
    const empty = { ...resolved, layers: layers.map((layer) => ({ ...layer, size: 0 })) }
    expect(draw([resolving, empty]).at(-1)).toContain("0 B / 0 B")
  })
})

describe("a picture of several pulls", () => {
  const viewOf = (events: ReadonlyArray<PullEvent>) =>
    events.reduce((state, event) => advance(state, event, 0), initial).view
  const drawAll = (pulls: Readonly<Record<string, PullView>>, look: Partial<FrameOptions> = {}) =>
    frameOfSeveral(new Map(Object.entries(pulls)), { ...plain, ...look }).split("\n")
  const pulling = viewOf([resolving, resolved, started(5), progress(5, 0.5, 0.5), started(6)])
  const failed: PullView = { ...pulling, phase: "failed", error: { message: "no", reason: { _tag: "AccessDenied" } } }

  test("of one is the picture of one", () => {
    expect(drawAll({ x: pulling }).join("\n")).toBe(frame(pulling, plain))
  })

  test("has a line for each, in the order they were given, and the bars beneath", () => {
    const lines = drawAll({ "debian:12": pulling, "alpine:3": viewOf(story), none: failed, next: initial.view })
    expect(lines[0]).toMatch(/^⠋ debian:12 {2}11 % {2}2\.50 MiB \/ 21\.00 MiB$/)
    expect(lines.slice(1, 7).map((line) => line.slice(0, 10))).toEqual(
      [1, 2, 3, 4, 5, 6].map((n) => `  0${n}`.padEnd(10, `0${n}`))
    )
    expect(lines.slice(7)).toEqual(["✓ alpine:3   in 0.0 s", "✗ none       AccessDenied", "⠋ next"])
  })

  test("says which layer another pull downloads, and how far it is", () => {
    const waiting: PullEvent = { _tag: "LayerWaiting", digest: layers[4]?.digest ?? "" }
    const joined = viewOf([resolving, resolved, waiting, { ...progress(5, 0.5, 0.5), shared: true }])
    const lines = drawAll({ "debian:12": pulling, "alpine:3": joined })
    const bars = lines.filter((line) => line.startsWith("  0505"))
    expect(bars[0]).toMatch(/2.50 MiB \/ 5.00 MiB +50 entries$/)
    expect(bars[1]).toMatch(/2.50 MiB \/ 5.00 MiB +waiting for another pull$/)
  })

  test("shares the rows: bars of layers under way, the others counted", () => {
    const lines = drawAll({ one: pulling, two: pulling, three: viewOf(story) }, { rows: 10 })
    expect(lines.map((line) => line.slice(2, 11).trimEnd())).toEqual([
      ...["one    11", "05050505", "06060606", "+4 queued"],
      ...["two    11", "05050505", "06060606", "+4 queued"],
      "three  in"
    ])
  })

  test("with more images than rows shows those that are not over, and counts the others", () => {
    const names = Array.from({ length: 30 }, (_, at) => `image:${at}`)
    const views = Object.fromEntries(names.map((name, at) => [name, at < 25 ? viewOf(story) : pulling]))
    const lines = drawAll(views, { rows: 8 })
    expect(lines.map((line) => line.slice(2, 10))).toEqual(
      [...names.slice(25), "image:0 ".trim(), "+24 over"].map((it) => it.padEnd(8).slice(0, 8))
    )
  })

  test("at 80 columns keeps tag, percentage, speed and time left, however long the name", () => {
    const name = `registry.example.com:5000/${"organization/".repeat(5)}app:1.2.3`
    const fast: PullView = { ...pulling, speed: 10 * 2 ** 20, remaining: 3_540_000 }
    const [line = ""] = drawAll({ [name]: fast, other: pulling }, { columns: 80, rows: 24 })
    expect(line).toMatch(/^⠋ ….*app:1\.2\.3 {2}11 % {2}10\.00 MiB\/s {2}59 min 00 s left$/)
    expect(line.length).toBeLessThanOrEqual(80)
  })

  test("never has a line wider than the terminal, nor more lines than fit", () => {
    const names = fc.uniqueArray(fc.string({ maxLength: 90 }), { minLength: 2, maxLength: 40 })
    fc.assert(
      fc.property(names, views, views, widths, heights, (names, one, other, columns, rows) => {
        const pulls = new Map(names.map((name, at) => [name, at % 2 === 0 ? one : other]))
        const lines = frameOfSeveral(pulls, { ...plain, columns, rows }).split("\n")
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
        expect(lines.length).toBeLessThan(rows)
        expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
      })
    )
  })
})
