/** Needs Debian's `chromium`. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { type Bench, timed } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { spread } from "../measure/statistics.ts"

export const question = "Does a page that shows 50 pulls at once stay smooth? (docs/examples/ui)"

const example = (file: string) => new URL(`../../docs/examples/ui/${file}`, import.meta.url)
/** Milliseconds from which a task of the page counts as long: the browser's own limit. */
const long = 50

/** These run in the page. */
const watchLongTasks = `
  window.tasks = []
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask", buffered: true })`
const areAllDone = `(() => {
  const states = [...document.querySelectorAll("#pulls > li .state")]
  return states.length === 50 && states.every(({ textContent }) => textContent === "done")
})()`

const ending = (server: ChildProcess, root: string): AsyncDisposable => ({
  [Symbol.asyncDispose]: async () => {
    const ended = once(server, "exit")
    if (server.kill()) await ended
    await rm(root, { recursive: true })
  }
})

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const { startDemoRegistry } = await import(example("registry.ts").href)
  const registry = await startDemoRegistry()
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
  const seen: Record<"wall" | "longTasks" | "longest" | "thread" | "p99" | "max", Array<number>> = {
    wall: [],
    longTasks: [],
    longest: [],
    thread: [],
    p99: [],
    max: []
  }
  try {
    for (let round = 0; round < bench.rounds(3); round++) {
      const root = await mkdtemp(join(tmpdir(), "ociflow-ui-"))
      const options = JSON.stringify({ root, names: registry.names, many: registry.manyNames })
      const server = fork(fileURLToPath(example("process.ts")), [options], { execArgv: ["--import", "tsx"] })
      await using _ = ending(server, root)
      const [{ url }] = await once(server, "message")
      const page = await browser.newPage({ bypassCSP: true })
      await page.addInitScript({ content: watchLongTasks })
      await page.goto(url)
      await page.getByText("connected", { exact: true }).waitFor()
      const tasks = () => page.evaluate<ReadonlyArray<number>>("window.tasks")
      const devtools = await page.context().newCDPSession(page)
      await devtools.send("Performance.enable", { timeDomain: "threadTicks" })
      const busy = async () => {
        const { metrics } = await devtools.send("Performance.getMetrics")
        return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN
      }
      const late = async () => {
        server.send("late")
        return (await once(server, "message"))[0]
      }
      const [before, thread] = [(await tasks()).length, await busy()]
      await late()
      const wall = await timed(async () => {
        await page.getByRole("button", { name: "Pull 50" }).click()
        await page.waitForFunction(areAllDone, undefined, { polling: 500, timeout: 300_000 })
      })
      const { p99, max } = await late()
      const durations = (await tasks()).slice(before).filter((it) => it > long)
      seen.wall.push(wall / 1000)
      seen.thread.push((await busy()) - thread)
      seen.longTasks.push(durations.length)
      seen.longest.push(Math.max(0, ...durations))
      seen.p99.push(p99)
      seen.max.push(max)
      await page.context().close()
    }
  } finally {
    await browser.close()
    await registry.close()
  }
  return [
    figure("50 pulls, shown in a page", "s", spread(seen.wall)),
    figure("of it, the page's thread", "s", spread(seen.thread)),
    figure(`tasks of the page above ${long} ms`, "", spread(seen.longTasks)),
    figure("the longest of them", "ms", spread(seen.longest)),
    figure("the server's event-loop delay, 99th percentile", "ms", spread(seen.p99)),
    figure("the server's event-loop delay, longest", "ms", spread(seen.max))
  ]
}
