/** A password, from standard input: all of it, or what a person types, which is not shown. */
import { createInterface } from "node:readline"
import { Writable } from "node:stream"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

/** Bytes of a password: more is a mistake. */
const longest = 65_536

const all = async (input: AsyncIterable<Uint8Array | string>): Promise<string> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of input) {
    size += chunk.length
    if (size > longest) break
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, "")
}

export const passwordFrom = (input: AsyncIterable<Uint8Array | string>): Effect.Effect<Redacted.Redacted<string>> =>
  Effect.map(
    Effect.promise(() => all(input)),
    Redacted.make
  )

/** Asks on the terminal. `secret` keeps what is typed to itself. */
export const question = (text: string, secret: boolean): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const mute = new Writable({ write: (_chunk, _encoding, done) => done() })
    const reader = createInterface({ input: process.stdin, output: secret ? mute : process.stderr, terminal: true })
    if (secret) process.stderr.write(text)
    let answered = false
    reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
    reader.on("close", () => {
      if (!answered) resume(Effect.succeed(""))
    })
    reader.question(secret ? "" : text, (answer) => {
      answered = true
      if (secret) process.stderr.write("\n")
      resume(Effect.succeed(answer))
      reader.close()
    })
    return Effect.sync(() => reader.close())
  })
