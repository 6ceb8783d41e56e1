/** `ociflow login` and `ociflow logout`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { InvalidOption, PullError } from "../../api/errors.ts"
import { printable, printableJson } from "../../api/printable.ts"
import { lazyImport } from "../lazyImport.ts"
import { Output } from "../Output.ts"
import { reportFailure } from "../reportFailure.ts"
import { json, optional, switched } from "./flags.ts"

const registry = Argument.String("REGISTRY").pipe(
  Argument.withDescription("Host and port (default: Docker Hub)"),
  Argument.withDefault("docker.io")
)

const wrong = (option: string, problem: string) =>
  Effect.fail(new PullError({ reference: "(login)", reason: new InvalidOption({ option, problem }) }))

const ask = Effect.fnUntraced(function* (given: string | undefined, fromStdin: boolean) {
  const { passwordFrom, question } = yield* lazyImport(() => import("../actions/password.ts"))
  const typed = process.stdin.isTTY === true
  if (given === undefined && (fromStdin || !typed)) return yield* wrong("--username", "is required")
  if (!fromStdin && !typed) return yield* wrong("--password-stdin", "is required if standard input is not a terminal")
  const username = given ?? (yield* question("Username: ", false))
  const password = fromStdin ? yield* passwordFrom(process.stdin) : Redacted.make(yield* question("Password: ", true))
  if (username === "" || Redacted.value(password) === "")
    return yield* wrong("--password-stdin", "must not be used with an empty user name or password")
  return { username, password }
})

const login = Command.make(
  "login",
  {
    registry,
    username: Flag.String("username").pipe(
      Flag.withAlias("u"),
      Flag.withMetavar("NAME"),
      Flag.withDescription("User name"),
      optional
    ),
    passwordStdin: switched("password-stdin", "Read the password from standard input"),
    plainHttp: switched("plain-http", "Use plain HTTP; loopback does not need this flag"),
    json
  },
  Effect.fnUntraced(function* ({ registry, username, passwordStdin, plainHttp, json }) {
    const way = yield* lazyImport(() => import("../../login.ts"))
    const { stdout } = yield* Output
    yield* Effect.gen(function* () {
      const credentials = yield* ask(username, passwordStdin)
      const kept = yield* way.login(registry, credentials, plainHttp ? { plainHttp } : {})
      const where = "helper" in kept ? `by docker-credential-${kept.helper}` : `unencrypted in ${kept.path}`
      stdout.write(
        json
          ? `${printableJson(kept)}\n`
          : `Logged in to ${kept.registry}. The password is stored ${printable(where)}\n`
      )
    }).pipe(reportFailure(json))
  })
).pipe(Command.withDescription("Check a user name and password at a registry, and store them where docker does"))

const logout = Command.make(
  "logout",
  { registry, json },
  Effect.fnUntraced(function* ({ registry, json }) {
    const way = yield* lazyImport(() => import("../../login.ts"))
    const { stdout } = yield* Output
    const it = yield* way.logout(registry).pipe(reportFailure(json))
    const words = it.known ? `Logged out of ${it.registry}` : `Not logged in to ${it.registry}`
    stdout.write(`${json ? printableJson(it) : words}\n`)
  })
).pipe(Command.withDescription("Remove the stored user name and password of a registry"))

export const loginCommands = [login, logout] as const
