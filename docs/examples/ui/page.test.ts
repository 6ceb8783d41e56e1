/** The page of docs/examples/ui in a browser. Needs Debian's `chromium`, and a build. */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import axe from "axe-core"
import { type Browser, chromium, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { startDemoRegistry } from "./registry.ts"
import { startServer } from "./server.ts"

let browser: Browser
let registry: Awaited<ReturnType<typeof startDemoRegistry>>
let root: string
let server: Pick<Awaited<ReturnType<typeof startServer>>, "url" | "close">
let page: Page
const errors: Array<string> = []

const open = async () => {
  const opened = await browser.newPage()
  opened.setDefaultTimeout(60_000)
  opened.on("pageerror", (error) => errors.push(error.message))
  await opened.goto(server.url)
  await opened.getByText("connected", { exact: true }).waitFor()
  return opened
}

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
  registry = await startDemoRegistry()
}, 120_000)
afterAll(async () => {
  await browser.close()
  await registry.close()
})
beforeEach(async () => {
  registry.behave()
  registry.misbehave()
  root = await mkdtemp(join(tmpdir(), "ociflow-ui-"))
  server = await startServer({ root, names: registry.names, many: registry.manyNames })
  page = await open()
}, 120_000)
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()))
  await server.close()
  await rm(root, { recursive: true })
  expect(errors.splice(0)).toEqual([])
}, 120_000)

const named = (name: string) => registry.names.find((it) => it.includes(`/${name}:`)) ?? expect.unreachable()
const pull = async (name: string, on = page) => {
  await on.getByLabel("Image reference").fill(named(name))
  await on.getByRole("button", { name: "Pull", exact: true }).click()
}
const row = (name: string, on = page) =>
  on.locator("#pulls > li").filter({ has: on.getByRole("heading", { name: named(name) }) })
const act = (what: "Cancel" | "Resume" | "Try again" | "Dismiss", name: string, on = page) =>
  row(name, on).getByRole("button", { name: what }).click()
const stored = (name: string) => page.locator("#images > li").filter({ hasText: named(name) })
/** A busy machine takes long. */
const patient = { timeout: 90_000 }
const percent = async (name: string, on = page) =>
  Number(await row(name, on).locator(".whole").getAttribute("aria-valuenow"))
const isAbove = (name: string, least: number, on = page) =>
  expect.poll(() => percent(name, on), patient).toBeGreaterThan(least)
const numbers = (name: string) => row(name).locator(".numbers")
const isIn = (state: string, name: string, on = page) =>
  expect.poll(() => row(name, on).locator(".state").textContent(), patient).toBe(state)
/** Bars and words of each layer. */
const layers = (name: string) =>
  row(name)
    .locator(".layers > li")
    .evaluateAll((rows) =>
      rows.map((row) => ({
        download: Number(row.querySelector(".download")?.getAttribute("aria-valuenow")),
        extract: Number(row.querySelector(".extract")?.getAttribute("aria-valuenow")),
        says: row.querySelector(".phase")?.textContent ?? ""
      }))
    )
const focused = (on = page) => on.evaluate(() => document.activeElement?.getAttribute("aria-label"))

const seriousIn = async (on: Page) => {
  await on.evaluate(axe.source)
  const { violations } = await on.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run())
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => [id, nodes[0]?.html])
}

describe("the page", () => {
  test("pulls an image, lists it with its size, shows its files, and removes it", async () => {
    await pull("fast")
    await isIn("done", "fast")
    expect(await percent("fast")).toBe(100)
    expect(await stored("fast").textContent()).toMatch(/1\.\d\d MiB/)
    await stored("fast").getByRole("button", { name: "Files" }).click()
    await page.getByRole("button", { name: "srv", exact: true }).click()
    await page.getByRole("button", { name: "motd", exact: true }).click()
    await page.getByText("Hello from fast.").waitFor()
    expect(await seriousIn(page)).toEqual([])
    await page.getByRole("button", { name: "..", exact: true }).click()
    await page.getByRole("button", { name: "etc", exact: true }).waitFor()
    await page.getByRole("button", { name: "Close" }).click()
    await stored("fast").getByRole("button", { name: "Remove" }).click()
    await stored("fast").waitFor({ state: "detached" })
    // What is in the store is not downloaded again.
    await act("Dismiss", "fast")
    await row("fast").waitFor({ state: "detached" })
  })

  test("has a bar for the whole and two for each layer, speed, time left and the quota", async () => {
    await pull("slow")
    await row("slow").locator("summary").click()
    await isAbove("slow", 4)
    await expect
      .poll(() => numbers("slow").textContent(), patient)
      .toMatch(/MiB of 12\.\d+ MiB · [\d.]+ [KM]iB\/s · .* left · quota: 76 of 100 left/)
    await expect.poll(async () => (await layers("slow"))[1]?.extract, patient).toBeGreaterThan(0)
    const [, shared, large] = await layers("slow")
    for (const layer of [shared, large]) {
      expect(layer?.says).toMatch(/^downloading, (8|4)\.\d\d MiB$/)
      expect(layer?.download).toBeGreaterThanOrEqual(layer?.extract ?? 100)
    }
  })

  test("shows that another pull has a layer, and its bytes; goes on with it when that one is cancelled", async () => {
    await pull("slow")
    await isAbove("slow", 4)
    await pull("shared")
    await row("shared").locator("summary").click()
    const second = async () => (await layers("shared"))[1]
    await expect.poll(async () => (await second())?.says, patient).toMatch(/^another pull has it/)
    await expect.poll(async () => (await second())?.download, patient).toBeGreaterThan(4)
    await act("Cancel", "slow")
    await isIn("cancelled", "slow")
    await expect.poll(async () => (await second())?.says, patient).toMatch(/^downloading/)
    registry.behave()
    await act("Cancel", "shared")
    await act("Resume", "shared")
    await isIn("done", "shared")
  })

  test("cancels, keeps the bytes, and resumes; one of two windows leaves the other", async () => {
    await pull("slow")
    await isAbove("slow", 4)
    const other = await open()
    await isAbove("slow", 4, other)
    await other.close()
    const before = await percent("slow")
    await isAbove("slow", before)
    await act("Cancel", "slow")
    await isIn("cancelled", "slow")
    const kept = /^[\d.]+ MiB/.exec((await numbers("slow").textContent()) ?? "")?.[0]
    expect(kept).toMatch(/^[1-9.]/)
    registry.behave()
    await act("Resume", "slow")
    await isIn("done", "slow")
  })

  test("is used by the keyboard alone, and the focus stays in the row", async () => {
    await page.keyboard.press("Tab")
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type(named("slow"))
    await page.keyboard.press("Enter")
    await isAbove("slow", 2)
    for (let at = 0; at < 20 && (await focused()) !== `Cancel ${named("slow")}`; at++) await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await isIn("cancelled", "slow")
    expect(await focused()).toBe(`Resume ${named("slow")}`)
    registry.behave()
    await page.keyboard.press("Enter")
    await isIn("done", "slow")
    expect(await focused()).toBe(`Dismiss ${named("slow")}`)
  })

  test("counts down to a retry of a request and of a download, and says what to do about an error", async () => {
    await pull("limited")
    await expect.poll(() => numbers("limited").textContent(), patient).toMatch(/; tries again in \d+ s/)
    await pull("cut")
    await row("cut").locator("summary").click()
    await expect.poll(async () => (await layers("cut"))[1]?.says, patient).toMatch(/^tries again in \d s/)
    await isIn("done", "cut")
    await isIn("done", "limited")
    await pull("private")
    await isIn("failed", "private")
    expect(await row("private").locator(".error").textContent()).toMatch(/403.*(credentials|log in)/i)
    registry.behave()
    await act("Try again", "private")
    await isIn("done", "private")
    await page.getByLabel("Image reference").fill("A B")
    await page.getByRole("button", { name: "Pull", exact: true }).click()
    await page.getByRole("alert").getByText("invalid image reference").waitFor()
  })

  test("survives a reload in the middle of three pulls, and resumes what was cancelled before it", async () => {
    const names = ["slow", "shared", "layers"]
    for (const name of names) await pull(name)
    for (const name of names) await isAbove(name, 2)
    await act("Cancel", "layers")
    await isIn("cancelled", "layers")
    const before = await percent("slow")
    await page.reload()
    for (const name of names) await row(name).waitFor()
    expect(await percent("slow")).toBeGreaterThanOrEqual(before)
    await isIn("cancelled", "layers")
    await isAbove("slow", await percent("slow"))
    registry.behave()
    await act("Resume", "layers")
    await isIn("done", "layers")
  })

  test("connects again when the server was killed and started again, and resumes three pulls with their bytes", async () => {
    await server.close()
    let child: ChildProcess | undefined
    const start = async (port?: number) => {
      const options = { root, names: registry.names, many: registry.manyNames, ...(port === undefined ? {} : { port }) }
      const path = fileURLToPath(new URL("process.ts", import.meta.url))
      const started = fork(path, [JSON.stringify(options)], { execArgv: ["--import", "tsx"] })
      child = started
      const [{ url }] = await once(started, "message")
      return {
        url,
        close: async () => {
          if (started.exitCode !== null || started.signalCode !== null) return
          started.kill("SIGKILL")
          await once(started, "exit")
        }
      }
    }
    server = await start()
    page = await open()
    const names = ["slow", "shared", "layers"]
    for (const name of names) await pull(name)
    for (const name of names) await isAbove(name, 4)
    await server.close()
    expect(child?.signalCode).toBe("SIGKILL")
    await page.getByText("connecting …").waitFor()
    server = await start(Number(new URL(server.url).port))
    for (const name of names) await isIn("interrupted", name)
    for (const name of ["slow", "layers"])
      expect(await numbers(name).textContent()).toMatch(/^([1-9]\d*\.\d\d|0\.\d*[1-9]\d*) MiB of|^[1-9][\d.]* KiB of/)
    registry.behave()
    for (const name of names) await act("Resume", name)
    for (const name of names) await isIn("done", name)
  })

  test("has nothing serious for axe, dark and light, wide and narrow", async () => {
    for (const name of ["fast", "private", "shared", "slow"]) await pull(name)
    await isIn("done", "fast")
    await act("Dismiss", "fast")
    await row("slow").locator("summary").click()
    await isAbove("slow", 12)
    await page.evaluate(() => scrollTo(0, 0))
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

  test("pulls 50 images at once, and the page's thread is mostly idle", async () => {
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
      .poll(() => page.locator("#pulls .state").filter({ hasText: "done" }).count(), { ...patient, interval: 500 })
      .toBe(50)
    const [spent, elapsed] = [(await busy()) - before, (performance.now() - began) / 1000]
    console.log(`${spent.toFixed(2)} s of the page's thread in ${elapsed.toFixed(1)} s`)
    expect(spent).toBeLessThan(elapsed / 2)
  })
})
