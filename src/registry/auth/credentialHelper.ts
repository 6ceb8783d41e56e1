/**
 * Credential helpers, over their protocol (docker-credential-helpers): `docker-credential-<name> get`, the registry on
 * standard input, JSON on standard output.
 *
 * The name comes from a file, so it is a name: never a path, and no shell reads it. The program gets a time limit; what it
 * says is bounded and kept to ourselves, since it may hold the secret.
 */

import type { ChildProcessByStdio } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { codeOf } from "../../api/codeOf.ts"
import { fieldsOf, parseJson } from "../../image/json/parseJson.ts"
import * as Shape from "../../image/json/Shape.ts"
import { nodeChildProcess } from "../../seams/builtins.ts"
import type { Login } from "./Login.ts"
import { helperNames } from "./registryKey.ts"

/** A helper that cannot be asked, or answers what cannot be used. */
export class HelperFailed extends Data.TaggedError("HelperFailed")<{ readonly problem: string }> {}

/** A helper may have to ask its user to unlock something. */
const patience = Duration.seconds(60)

/** Milliseconds that its output may stay open once it has ended: a process that it started may hold it for ever. */
const grace = 500

/** Bytes of an answer that are read. */
const longest = 65_536

const isName = (name: string) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)

type Pipes = ChildProcessByStdio<Writable, Readable, null>

interface Said {
  readonly code: number | null
  readonly text: Redacted.Redacted<string>
}

/** `undefined` where the system refuses at once: a program that is being written, links in a circle. */
const start = (program: string, verb: string): Pipes | undefined => {
  try {
    return nodeChildProcess().spawn(program, [verb], { stdio: ["pipe", "pipe", "ignore"], windowsHide: true })
  } catch {
    return undefined
  }
}

const run = (program: string, verb: string, input: Redacted.Redacted<string>): Effect.Effect<Said, HelperFailed> =>
  Effect.callback((resume) => {
    const fail = (problem: string) => resume(Effect.fail(new HelperFailed({ problem: `${program} ${problem}` })))
    const child = start(program, verb)
    if (child?.stdin === undefined) {
      // Without a descriptor for its pipes it has none, and says so later.
      child?.on("error", () => undefined)
      return fail("cannot be started")
    }
    const chunks: Array<Buffer> = []
    let size = 0
    let timer: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(timer)
      child.kill("SIGKILL")
      // A grandchild may hold the other ends.
      child.stdin.destroy()
      child.stdout.destroy()
    }
    child.on("error", (error) => fail(codeOf(error) === "ENOENT" ? "is not on the PATH" : "cannot be started"))
    child.stdin.on("error", () => undefined)
    child.stdout.on("error", () => undefined)
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length
      if (size <= longest) chunks.push(chunk)
      else {
        end()
        fail(`wrote more than ${longest} bytes`)
      }
    })
    const succeed = (code: number | null) => {
      end()
      resume(Effect.succeed({ code, text: Redacted.make(Buffer.concat(chunks).toString()) }))
    }
    child.on("exit", (code) => {
      timer = setTimeout(() => succeed(code), grace)
    })
    child.on("close", succeed)
    child.stdin.end(Redacted.value(input))
    return Effect.sync(end)
  })

/** `code` is not a number if a signal ended the program. */
const endingOf = (code: unknown): string => (typeof code === "number" ? `exit code ${code}` : "ended by a signal")

const call = Effect.fnUntraced(function* (
  name: string,
  verb: "get" | "store" | "erase",
  input: Redacted.Redacted<string>
): Effect.fn.Return<Said, HelperFailed> {
  if (!isName(name)) return yield* new HelperFailed({ problem: "the name of a credential helper is invalid" })
  const program = `docker-credential-${name}`
  const late = () =>
    Effect.fail(new HelperFailed({ problem: `${program} gave no answer within ${Duration.format(patience)}` }))
  return yield* run(program, verb, input).pipe(Effect.timeoutOrElse({ duration: patience, orElse: late }))
})

const Answered = Shape.Struct({ Username: Shape.String, Secret: Shape.String })

const askFor = Effect.fnUntraced(function* (
  name: string,
  server: string
): Effect.fn.Return<Option.Option<Login>, HelperFailed> {
  const { code, text } = yield* call(name, "get", Redacted.make(server))
  if (code !== 0) {
    if (/credentials not found/i.test(Redacted.value(text))) return Option.none()
    return yield* new HelperFailed({ problem: `docker-credential-${name} failed (${endingOf(code)})` })
  }
  const { Username, Secret } = yield* parseJson(Buffer.from(Redacted.value(text))).pipe(
    Effect.map(fieldsOf(Object.keys(Answered.fields))),
    Effect.flatMap(Shape.decode(Answered)),
    Effect.mapError(() => new HelperFailed({ problem: `docker-credential-${name} gave an invalid answer` }))
  )
  if (Secret === "") return Option.none()
  return Option.some(
    Username === "<token>"
      ? { _tag: "IdentityToken", token: Redacted.make(Secret) }
      : { _tag: "Password", username: Username, password: Redacted.make(Secret) }
  )
})

/** What a helper knows of a registry. */
export const askHelper = Effect.fnUntraced(function* (
  name: string,
  registry: string
): Effect.fn.Return<Option.Option<Login>, HelperFailed> {
  for (const server of helperNames(registry)) {
    const found = yield* askFor(name, server)
    if (Option.isSome(found)) return found
  }
  return Option.none()
})

const done = (name: string, { code }: Said) =>
  code === 0
    ? Effect.void
    : Effect.fail(new HelperFailed({ problem: `docker-credential-${name} failed (${endingOf(code)})` }))

/** Has a helper keep a password. */
export const storeByHelper = Effect.fnUntraced(function* (
  name: string,
  server: string,
  login: { readonly username: string; readonly password: Redacted.Redacted<string> }
): Effect.fn.Return<void, HelperFailed> {
  const secret = { ServerURL: server, Username: login.username, Secret: Redacted.value(login.password) }
  yield* done(name, yield* call(name, "store", Redacted.make(JSON.stringify(secret))))
})

/** Has a helper forget a registry. */
export const eraseByHelper = Effect.fnUntraced(function* (
  name: string,
  server: string
): Effect.fn.Return<void, HelperFailed> {
  yield* done(name, yield* call(name, "erase", Redacted.make(server)))
})
