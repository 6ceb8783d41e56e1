/** Does what the other side asks, within what it may ask. */
import { firstValueFrom } from "rxjs"
import type { ErrorView } from "../progress/PullView.ts"
import type { Answer, Call, Method } from "../pulls/Protocol.ts"
import type { Pulls, StartOptions } from "../pulls/Pulls.ts"
import { isAllowed } from "./isAllowed.ts"
import { defaultServeLimits, type ServeOptions } from "./ServeOptions.ts"

const methods: ReadonlySet<string> = new Set<Method>(["start", "get", "cancel", "resume", "forget"])

/** From outside: of any shape. */
export const readCall = (value: unknown): Call | undefined => {
  const { method, params } = Object(value)
  return methods.has(method) && Array.isArray(params) && typeof params[0] === "string" ? { method, params } : undefined
}

export const invalidCall: ErrorView = { message: "the call is invalid" }
const notAllowed: ErrorView = {
  message: "this reference may not be pulled from here",
  advice: "Ask the operator of this server to allow it.",
  isRetryable: false
}
const tooMany = (running: number): ErrorView => ({
  message:
    running === 1
      ? "a pull is running, and one at a time is the limit"
      : `${running} pulls are running, which is the limit`,
  advice: "Wait until one has ended, or cancel one.",
  isRetryable: true
})

/** A `PullError` as data. Of any other error nothing is told: it may speak of this machine. */
const viewOf = (error: unknown): ErrorView => {
  const { _tag, toJSON } = Object(error)
  return _tag === "PullError" && typeof toJSON === "function"
    ? (toJSON.call(error) as ErrorView)
    : { message: "the call failed" }
}

/** What is not data does not come from the other side; `start` refuses what it does not know. */
const optionsOf = (value: unknown): StartOptions => {
  const { signal: _, onEvent: _o, ...options } = Object(value ?? {})
  return options
}

export const makeCalls = (pulls: Pulls, options: ServeOptions) => {
  const { running: most = defaultServeLimits.running } = options.limits ?? {}
  /** One start after the other: each counts what runs. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <A>(work: () => Promise<A>): Promise<A> => {
    const result = turn.then(work)
    turn = result.catch(() => undefined)
    return result
  }
  const isFull = async () =>
    (await firstValueFrom(pulls.list$)).filter(({ state }) => state === "running").length >= most

  const start = (reference: string, given: unknown): Promise<Answer> =>
    inTurn(async () => {
      if (!(await isAllowed(reference, options))) return { error: notAllowed }
      if (await isFull()) return { error: tooMany(most) }
      return { result: await pulls.start(reference, optionsOf(given)) }
    })
  const resume = (id: string): Promise<Answer> =>
    inTurn(async () => {
      const known = await pulls.get(id)
      if (known === undefined || known.state === "running") return { result: known }
      if (!(await isAllowed(known.reference, options))) return { error: notAllowed }
      if (await isFull()) return { error: tooMany(most) }
      return { result: await pulls.resume(id) }
    })

  return async ({ method, params }: Call): Promise<Answer> => {
    const text = String(params[0])
    try {
      if (method === "start") return await start(text, params[1])
      if (method === "resume") return await resume(text)
      if (method === "get") return { result: await pulls.get(text) }
      await pulls[method](text)
      return {}
    } catch (error) {
      return { error: viewOf(error) }
    }
  }
}
