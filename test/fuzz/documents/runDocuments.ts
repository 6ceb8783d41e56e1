/** One case: what is read of an image whose documents are mutated, and which law is broken, if any. */
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ImageConfig } from "../../../src/api/results/ImageConfig.ts"
import { open } from "../../../src/client.ts"
import { openRegistry } from "../../../src/registry.ts"
import { Prng } from "../../../src/testing/image/Prng.ts"
import { watchAllocations } from "../allocations.ts"
import { type Answering, type CaseServer, headOf, notFound, withLength } from "../CaseServer.ts"
import { judge } from "../errorLaws.ts"
import type { Case, Verdict } from "../Verdict.ts"
import { inventImage } from "./inventImage.ts"

/** Bytes of the largest buffer: twice the limit of a document. */
const largest = 8 * 2 ** 20
/** One of so many cases is pulled, which takes as long as all the others together. */
const pulled = 32

const platform = "linux/amd64"

const isTexts = (value: unknown) => Array.isArray(value) && value.every((each) => typeof each === "string")
const isTextMap = (value: unknown) =>
  typeof value === "object" && value !== null && Object.values(value).every((each) => typeof each === "string")
const isSize = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0

const wrongIn = (config: ImageConfig): string | undefined => {
  for (const name of ["entrypoint", "cmd", "exposedPorts", "volumes", "diffIds"] as const)
    if (!isTexts(config[name])) return `${name} is not a list of texts`
  for (const name of ["env", "labels"] as const) if (!isTextMap(config[name])) return `${name} is not a map of texts`
  for (const name of ["os", "architecture", "variant", "osVersion", "created", "author", "user", "workingDir"] as const)
    if (config[name] !== undefined && typeof config[name] !== "string") return `${name} is not a text`
  for (const name of ["interval", "timeout", "startPeriod", "startInterval", "retries"] as const) {
    const value = config.healthcheck?.[name]
    if (value !== undefined && !Number.isFinite(value)) return `${name} is ${value}`
  }
  return Object.getPrototypeOf(config.env) === Object.prototype ? undefined : "env has another prototype"
}

export const runDocuments = async ({ seed, number }: Case, server: CaseServer, outside: string): Promise<Verdict> => {
  const random = new Prng(`${seed}:${number}`)
  const image = inventImage(random)
  const problems: Array<string> = []
  const outcomes: Array<string> = []
  const answering: Answering = ({ method, path }) => {
    const [, kind, name = ""] = /\/(manifests|blobs|referrers)\/([^/?]*)/.exec(path) ?? []
    const digest = name === "t" ? image.root : decodeURIComponent(name)
    const bytes = kind === "referrers" ? image.referrers : image.blobs.get(digest)
    if (bytes === undefined) return notFound
    const type = digest === image.root ? image.mediaType : "application/json"
    const answer = withLength("200 OK", kind === "blobs" ? [] : [`content-type: ${type}`], bytes)
    return method === "HEAD" ? headOf(answer) : answer
  }
  const reference = `${server.host}/a/b:t`
  const attempt = async <A>(name: string, read: () => Promise<A>, wrong: (found: A) => string | undefined) => {
    try {
      const problem = wrong(await read())
      if (problem !== undefined) problems.push(`${name}: ${problem}`)
      outcomes.push("read")
    } catch (error) {
      const { outcome, broken } = judge(error)
      outcomes.push(outcome)
      if (broken !== undefined) problems.push(`${name}: ${broken}`)
      if (image.intact && name !== "artifact") problems.push(`${name}: an intact image is refused: ${error}`)
    }
  }
  const settings = { retry: { times: 0 }, credentials: {}, hosts: {} }
  const tooLarge = watchAllocations(largest)
  const read = async () => {
    await using client = await openRegistry(settings)
    await attempt("config", () => client.config(reference, { platform }), wrongIn)
    if (random.chance(0.4))
      await attempt(
        "resolve",
        () => client.resolve(reference),
        ({ platforms, annotations, size }) => {
          const [odd] = platforms.filter((it) => !isSize(it.size) || !isSize(it.layers))
          if (odd !== undefined) return `a platform of size ${odd.size}, ${odd.layers} layers`
          return isSize(size) && isTextMap(annotations) ? undefined : "no size, or annotations that are no texts"
        }
      )
    if (random.chance(0.3))
      await attempt(
        "artifact",
        () => client.artifact(reference, { platform }),
        ({ files, annotations }) =>
          files.every(({ bytes, size }) => bytes.length === size) && isTextMap(annotations) ? undefined : "other bytes"
      )
    if (random.chance(0.2))
      await attempt(
        "referrers",
        () => client.referrers(reference),
        (found) =>
          found.every(({ size, annotations }) => isSize(size) && isTextMap(annotations)) ? undefined : "no size"
      )
  }
  const pull = async () => {
    const root = mkdtempSync(join(outside, "..", "ociflow-fuzz-store-"))
    const beside = (name: string) => fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))
    try {
      await using client = await open({
        ...settings,
        root,
        workers: 1,
        worker: beside("ociflow-worker.js"),
        wasm: beside("ociflow-sqlite.wasm")
      })
      const before = outcomes.length
      await attempt(
        "pull",
        () => client.pull(reference, { platform }),
        ({ layers }) => (layers.every(({ size }) => isSize(size)) ? undefined : "a layer without a size")
      )
      const isThere = outcomes[before] === "read"
      await attempt(
        "images",
        () => client.images(),
        ({ length }) => (length === (isThere ? 1 : 0) ? undefined : `${length} images`)
      )
      if (isThere) {
        await attempt(
          "inspect",
          () => client.inspect(reference),
          () => undefined
        )
        await attempt("config again", () => client.config(reference, { platform, policy: "never" }), wrongIn)
        await attempt(
          "verify",
          () => client.verify(),
          ({ faults }) => (faults.length === 0 ? undefined : JSON.stringify(faults))
        )
        await attempt(
          "usage",
          () => client.usage(),
          () => undefined
        )
      }
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  }
  const left = await server.during(answering, async () => {
    await read()
    if (number % pulled === 0) await pull()
  })
  if (left !== undefined) problems.push(left)
  const dear = tooLarge()
  if (dear !== undefined) problems.push(dear)
  if (Object.hasOwn(Object.prototype, "evil") || Reflect.ownKeys(Object.prototype).length !== ownKeys)
    problems.push("Object.prototype has changed")
  const kept = Object.fromEntries([...image.blobs].map(([digest, bytes]) => [digest.replace(":", "-"), bytes]))
  const verdict = { outcome: outcomes[0] ?? "none", kept }
  return problems.length === 0 ? verdict : { ...verdict, broken: problems.join("; ") }
}

const ownKeys = Reflect.ownKeys(Object.prototype).length
