/** The page of docs/examples/ui in a browser. Needs Debian's `chromium`, and a build. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import axe from "axe-core"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { startDemoRegistry } from "./registry.ts"
import { startServer } from "./server.ts"

type Server = Awaited<ReturnType<typeof startServer>>

let browser: Browser
let registry: Awaited<ReturnType<typeof startDemoRegistry>>
let root: string
let server: Server
let page: Page
const errors: Array<string> = []

const start = (port?: number) =>
  startServer({ root, names: registry.names, many: registry.manyNames, ...(port === undefined ? {} : { port }) })
const open = async (options: Parameters<Browser["newPage"]>[0] = {}) => {
  const opened = await browser.newPage(options)
  opened.setDefaultTimeout(30_000)
  opened.on("pageerror", (error) => errors.push(error.message))
  await opened.goto(server.url)
  await opened.getByText("connected", { exact: true }).waitFor()
  return opened
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
}, 120_000)
afterAll(() => browser.close())
beforeEach(async () => {
  registry = await startDemoRegistry({ pace: 2 })
  root = await mkdtemp(join(tmpdir(), "ociflow-ui-"))
  server = await start()
  page = await open()
}, 60_000)
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await server.close()
  await registry.close()
  await rm(root, { recursive: true })
  expect(errors.splice(0)).toEqual([])
}, 60_000)

const named = (name: string) => registry.names.find((it) => it.includes(`/${name}:`)) ?? expect.unreachable()
const pull = async (name: string, on = page) => {
  await on.getByLabel("Image reference").fill(named(name))
  await on.getByRole("button", { name: "Pull", exact: true }).click()
}
const row = (name: string, on = page) =>
  on.locator("#pulls > li").filter({ has: on.getByRole("heading", { name: named(name) }) })
const stored = (name: string) => page.locator("#images > li").filter({ hasText: named(name) })
const percent = async (name: string, on = page) => Number(await row(name, on).locator(".whole").getAttribute("aria-valuenow"))
const state = (name: string, on = page) => row(name, on).locator(".state")
const moves = async (name: string, on = page) => {
  await expect.poll(() => percent(name, on), { timeout: 30_000 }).toBeGreaterThan(2)
}
const isDone = (name: string, on = page) =>
  expect.poll(() => state(name, on).textContent(), { timeout: 60_000 }).toBe("done")

const seriousIn = async (on: Page) => {
  await on.evaluate(axe.source)
  const { violations } = await on.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run())
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => [id, nodes[0]?.html])
}

const minutes = { timeout: 120_000 }

describe("the page", () => {
  test("pulls an image, lists it, shows its files, and removes it", minutes, async () => {
    await pull("fast")
    await isDone("fast")
    expect(await percent("fast")).toBe(100)
    await stored("fast").getByRole("button", { name: "Files" }).click()
    await page.getByRole("button", { name: "srv", exact: true }).click()
    await page.getByRole("button", { name: "motd", exact: true }).click()
    await page.getByText("Hello from fast.").waitFor()
    expect(await seriousIn(page)).toEqual([])
    await page.getByRole("button", { name: "Close" }).click()
    await stored("fast").getByRole("button", { name: "Remove" }).click()
    await stored("fast").waitFor({ state: "detached" })
  })

  test("shows bars, speed, time left and the quota; shares a layer; cancels and resumes", minutes, async () => {
    await pull("slow")
    await row("slow").locator("summary").click()
    await moves("slow")
    await expect.poll(() => row("slow").locator(".numbers").textContent(), { timeout: 30_000 }).toMatch(
      /MiB of 12\.\d+ MiB · [\d.]+ [KM]iB\/s · .* left · quota: 76 of 100 left/
    )
    // It shares the large layer: both go on with the same bytes.
    await pull("shared")
    await moves("shared")
    const before = await percent("slow")
    await row("slow").getByRole("button", { name: "Cancel" }).click()
    await expect.poll(() => state("slow").textContent()).toBe("cancelled")
    // The focus stays in the row.
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toBe(`Resume ${named("slow")}`)
    await page.keyboard.press("Enter")
    await expect.poll(() => percent("slow"), { timeout: 30_000 }).toBeGreaterThanOrEqual(before - 1)
    await isDone("shared")
  })

  test("counts down to a retry, and says what to do about an error", minutes, async () => {
    await pull("limited")
    await row("limited").getByText(/tries again in \d s/).waitFor()
    await isDone("limited")
    await pull("private")
    await expect.poll(() => state("private").textContent()).toBe("failed")
    expect(await row("private").locator(".error").textContent()).toMatch(/403.*(credentials|log in)/i)
    await page.getByLabel("Image reference").fill("A B")
    await page.getByRole("button", { name: "Pull", exact: true }).click()
    await page.getByRole("alert").getByText("invalid image reference").waitFor()
  })

  test("survives a reload in the middle of three pulls, and is the same in two windows", minutes, async () => {
    for (const name of ["slow", "shared", "layers"]) await pull(name)
    for (const name of ["slow", "layers"]) await moves(name)
    const before = await percent("slow")
    await page.reload()
    for (const name of ["slow", "shared", "layers"]) await row(name).waitFor()
    expect(await percent("slow")).toBeGreaterThanOrEqual(before)
    const other = await open()
    await moves("slow", other)
    await other.close()
    const left = await percent("slow")
    await expect.poll(() => percent("slow"), { timeout: 30_000 }).toBeGreaterThan(left)
  })

  test("knows what was interrupted when the server was ended and started again, and resumes it", minutes, async () => {
    await pull("slow")
    await expect.poll(() => percent("slow"), { timeout: 60_000 }).toBeGreaterThan(8)
    const port = Number(new URL(server.url).port)
    await server.close()
    await page.getByText("connecting …").waitFor()
    server = await start(port)
    await expect.poll(() => state("slow").textContent(), { timeout: 30_000 }).toBe("interrupted")
    expect(await row("slow").locator(".numbers").textContent()).toMatch(/[1-9].* of 12/)
    await row("slow").getByRole("button", { name: "Resume" }).click()
    await isDone("slow")
  })

  test("has nothing serious for axe, dark and light, wide and narrow", minutes, async () => {
    await pull("slow")
    await pull("private")
    await row("slow").locator("summary").click()
    await moves("slow")
    for (const colorScheme of ["light", "dark"] as const)
      for (const width of [1000, 360]) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 800 })
        expect(await seriousIn(page), `${colorScheme} ${width}`).toEqual([])
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
        if (process.env["SCREENSHOTS"] !== undefined)
          await page.screenshot({ path: join(process.env["SCREENSHOTS"], `ui-${colorScheme}-${width}.png`) })
      }
  })

  test("pulls 50 images at once, and the page's thread is mostly idle", minutes, async () => {
    const devtools = await page.context().newCDPSession(page)
    // Processor time, which other programs of this machine do not lengthen.
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" })
    const busy = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics")
      return metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN
    }
    const [before, began] = [await busy(), performance.now()]
    await page.getByRole("button", { name: "Pull 50" }).click()
    await expect
      .poll(() => page.locator("#pulls .state").filter({ hasText: "done" }).count(), {
        timeout: 100_000,
        interval: 1000
      })
      .toBe(50)
    const [spent, elapsed] = [(await busy()) - before, (performance.now() - began) / 1000]
    console.log(`${spent.toFixed(2)} s of the page's thread in ${elapsed.toFixed(1)} s`)
    expect(spent).toBeLessThan(elapsed / 2)
  })
})
