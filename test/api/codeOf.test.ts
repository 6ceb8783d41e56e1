import { EventEmitter } from "node:events"
import { createContext, runInContext } from "node:vm"
import { expect, test } from "vitest"
import { causeOf } from "../../src/api/causeOf.ts"
import { codeOf, codeOrMessage, isError, messageOf } from "../../src/api/codeOf.ts"
import { FileSystemFailed, isReason, ModuleMissing, PullError } from "../../src/api/errors.ts"
import { onSignal } from "../../src/cli/signals.ts"
import { scarcity } from "../../src/fs/loadModule.ts"
import { packReason } from "../../src/layer/messages/packReason.ts"
import { connectionProblem, isConnectionClosed } from "../../src/registry/connection/connectionErrors.ts"

/** As Jest does it: what is made in there has classes of its own. */
const realm = createContext()
const made = (code: string): unknown => runInContext(code, realm)

const missing = made(`Object.assign(new Error("ENOENT: no such file, open 'x'"), { code: "ENOENT", syscall: "open" })`)

test("an error of another realm is not an instance of ours, and is an error", () => {
  expect(missing instanceof Error).toBe(false)
  expect(isError(missing)).toBe(true)
  expect(isError(made(`new (class extends TypeError {})("x")`))).toBe(true)
  expect(isError(new DOMException("x", "AbortError"))).toBe(true)
  for (const other of [undefined, null, "ENOENT", { message: "x", name: "Error", stack: "" }, made("({})")])
    expect(isError(other)).toBe(false)
})

test("its code and its message are read, whichever realm it is of", () => {
  for (const error of [missing, Object.assign(new Error("ENOENT: no such file, open 'x'"), { code: "ENOENT" })]) {
    expect(codeOf(error)).toBe("ENOENT")
    expect(messageOf(error)).toBe("ENOENT: no such file, open 'x'")
    expect(codeOrMessage(error)).toBe("ENOENT")
  }
  expect(codeOrMessage(made(`new RangeError("far away")`))).toBe("far away")
  expect(codeOf(new DOMException("x", "AbortError"))).toBe("")
  expect(codeOrMessage("thrown text")).toBe("thrown text")
  expect(codeOrMessage(undefined)).toBe("undefined")
})

test("the connection's errors mean the same from every realm", () => {
  expect(connectionProblem(made(`Object.assign(new Error("x"), { code: "ECONNREFUSED" })`))).toBe(
    "connection refused (ECONNREFUSED)"
  )
  expect(connectionProblem(made(`new Error("something else")`))).toBe("something else")
  const parser = made(
    `Object.assign(new Error("Response does not match the HTTP/1.1 protocol (Invalid header token)"), { name: "HTTPParserError" })`
  )
  expect(isConnectionClosed(parser)).toBe(true)
  expect(connectionProblem(parser)).toBe("the answer is not HTTP/1.1: Invalid header token")
})

test("the limits of the system are told from every realm", () => {
  expect(scarcity(made(`Object.assign(new Error("x"), { code: "EMFILE" })`))).toBe("EMFILE")
  expect(scarcity(made(`new Error("dlopen: Cannot allocate memory")`))).toBe("ENOMEM")
  expect(scarcity(missing)).toBeUndefined()
})

test("a reader that left ends the command line, whichever realm says so", () => {
  const host = Object.assign(new EventEmitter(), {
    stdout: new EventEmitter(),
    stderr: new EventEmitter(),
    exit: () => {}
  })
  const ending = onSignal(
    host,
    () => {},
    () => {}
  )
  host.stdout.emit("error", made(`Object.assign(new Error("write EPIPE"), { code: "EPIPE" })`))
  expect(ending()).toBe("SIGPIPE")
})

test("a worker's failure crosses the threads with its stack, a reason with its cause", () => {
  expect(packReason(made(`new Error("from afar")`), "sha256:0").fields.problem).toContain("Error: from afar")
  const reason = Object.assign(new ModuleMissing({ module: "m", problem: "p" }), { found: missing })
  expect(packReason(reason, "sha256:0").fields.found).toBeInstanceOf(Error)
})

test("what is thrown in another realm is the cause of a PullError, in JSON too", () => {
  const reason = new FileSystemFailed({ operation: "open", path: "x", code: codeOf(missing) })
  expect(isReason(reason)).toBe(true)
  const error = new PullError({ reference: "x", reason })
  Object.defineProperty(error, "cause", { value: missing })
  expect(JSON.parse(JSON.stringify(error)).cause).toEqual({ name: "Error", code: "ENOENT" })
  expect(causeOf(missing)).toMatchObject({ code: "ENOENT" })
})
