/** What others read in an archive: Python's tarfile, entry by entry, and GNU tar, by what it lists and writes out. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** Files of more bytes are compared by their size alone. */
export const bodyBytes = 2 ** 20

export interface Line {
  readonly kind: string
  /** Binary strings. */
  readonly name: string
  readonly link: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: number
  readonly size: number
  /** SHA-1 of a file's bytes, where they are compared. */
  readonly body: string
}

export type Listing = { readonly entries: ReadonlyArray<Line>; readonly bodies?: string } | { readonly refused: string }

export const sha1 = (bytes: Uint8Array): string => createHash("sha1").update(bytes).digest("hex")

export class Python {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>

  constructor() {
    const program = fileURLToPath(new URL("./listing.py", import.meta.url))
    this.#process = spawn("python3", [program, String(bodyBytes)])
    this.#process.stderr.resume()
    this.#answers = createInterface(this.#process.stdout)[Symbol.asyncIterator]()
  }

  async list(path: string): Promise<Listing> {
    this.#process.stdin.write(`${path}\n`)
    const { value, done } = await this.#answers.next()
    if (done === true) throw new Error("Python has ended")
    return JSON.parse(value) as Listing
  }

  [Symbol.dispose](): void {
    this.#process.kill()
  }
}

const kinds: Readonly<Record<string, string>> = {
  "-": "file",
  C: "file",
  d: "directory",
  h: "link",
  l: "symlink",
  c: "character-device",
  b: "block-device",
  p: "fifo"
}

const modeOf = (text: string): number => {
  let mode = 0
  for (const [i, letter] of [...text].entries()) if (!/[-ST]/.test(letter)) mode |= 0o400 >> i
  for (const [i, bit] of [
    [2, 0o4000],
    [5, 0o2000],
    [8, 0o1000]
  ] as const)
    if (/[sStT]/.test(text[i] ?? "")) mode |= bit
  return mode
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" }

/** Of C's string syntax. */
const unquote = (text: string): string =>
  text.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (escapes[code] ?? code)
  )

/** A time that has no date is a bare number of seconds. */
const pattern =
  /^(.)([-rwxsStT]{9}) (-?\d+)\/(-?\d+) +(\d+|\d+,\d+) (\S+(?: [\d:.]+)?) +"((?:[^"\\]|\\.)*)"(?: (?:->|link to) "((?:[^"\\]|\\.)*)"| unknown file type .*)?$/

const secondsOf = (time: string): number =>
  Math.floor(/^-?[\d.]+$/.test(time) ? Number(time) : Date.parse(`${time.replace(" ", "T")}Z`) / 1000)

const run = (...args: ReadonlyArray<string>) =>
  execFileSync("tar", args, {
    env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 2 ** 26
  })

const why = (error: unknown): string => {
  const { stderr, message } = Object(error) as { stderr?: Buffer; message?: string }
  return (stderr?.toString("latin1").split("\n", 1)[0] || message || "").replace(/^tar: /, "")
}

/** Nothing is written: bodies go to its standard output. */
export const gnuTar = (path: string, withBodies: boolean): Listing => {
  try {
    const entries: Array<Line> = []
    const lines = run("-tvPf", path, "--full-time", "--numeric-owner", "--quoting-style=c", "--no-auto-compress")
    for (const line of lines
      .toString("latin1")
      .split("\n")
      .filter((it) => it !== "" && !it.startsWith("V"))) {
      const [, letter = "", bits = "", uid, gid, size = "", time = "", name = "", link = ""] = pattern.exec(line) ?? []
      if (letter === "") throw new Error(`a line that is not understood: ${line}`)
      const kind = kinds[letter] ?? "file"
      entries.push({
        kind,
        name: unquote(name),
        link: unquote(link),
        mode: modeOf(bits),
        uid: Number(uid),
        gid: Number(gid),
        mtime: secondsOf(time),
        size: kind === "file" ? Number(size) : 0,
        body: ""
      })
    }
    return { entries, ...(withBodies && { bodies: sha1(run("-xOPf", path)) }) }
  } catch (error) {
    return { refused: why(error) }
  }
}
