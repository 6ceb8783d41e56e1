/**
 * Pictures on a terminal, each over the one before. The library that repaints is loaded with the first picture, so that
 * a pull which ends before never pays for it; whatever happens, the cursor comes back.
 */
import { stripVTControlCharacters, types } from "node:util"
import type { createLogUpdate } from "log-update"

/** A terminal, as far as the pictures need it: `process.stdout`, `process.stderr`, or a stand-in. */
export type Terminal = NodeJS.WritableStream & {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  readonly hasColors?: (count?: number) => boolean
}

const hideCursor = "\u001B[?25l"
const showCursor = "\u001B[?25h"

const heightOf = (picture: string) => picture.split("\n").length

export class Screen {
  readonly #stream: Terminal
  readonly #showCursor = () => void this.#stream.write(showCursor)
  #repaint: Promise<void> | ReturnType<typeof createLogUpdate> | undefined
  #create: typeof createLogUpdate | undefined
  #above = ""
  #drawn = { picture: "", columns: 0, rows: 0 }
  #closed = false

  constructor(stream: Terminal) {
    this.#stream = stream
  }

  draw(picture: string): void {
    if (this.#closed || types.isPromise(this.#repaint)) return
    if (this.#repaint === undefined) this.#repaint = this.#load()
    else {
      this.#repaint = this.#eraseAfterResize() ?? this.#repaint
      const repaint = this.#repaint
      // It draws only the lines that differ, and leaves those below where they were, also where a line above them has gone.
      if (this.#above !== "" || heightOf(picture) !== heightOf(this.#drawn.picture)) {
        repaint.clear()
        this.#stream.write(this.#above)
        this.#above = ""
      }
      repaint(picture)
      const { columns = 80, rows = 24 } = this.#stream
      this.#drawn = { picture, columns, rows }
    }
  }

  /** A terminal that gets narrower wraps what stands there: the picture takes more lines than it was drawn with. */
  #eraseAfterResize(): ReturnType<typeof createLogUpdate> | undefined {
    const { columns = 80, rows = 24 } = this.#stream
    const { picture, ...size } = this.#drawn
    if (picture === "" || (size.columns === columns && size.rows === rows)) return undefined
    const lines = stripVTControlCharacters(picture)
      .split("\n")
      .map((line) => Math.max(1, Math.ceil(line.length / columns)))
      .reduce((sum, count) => sum + count, 0)
    this.#stream.write(`\r\u001B[${Math.min(lines, rows - 1)}A\u001B[J`)
    return this.#create?.(this.#stream, { showCursor: true })
  }

  /** A line that stays, above the pictures. */
  print(line: string): void {
    this.#above += `${line}\n`
  }

  /** Draws the last picture, which stays. */
  close(picture: string): void {
    if (this.#closed) return
    if (typeof this.#repaint === "function") {
      this.draw(picture)
      this.#repaint.done()
      this.#showCursor()
    } else this.#stream.write(`${this.#above}${picture}\n`)
    this.#closed = true
    process.off("exit", this.#showCursor)
  }

  async #load(): Promise<void> {
    const { createLogUpdate } = await import("log-update")
    if (this.#closed) return
    process.on("exit", this.#showCursor)
    this.#stream.write(hideCursor)
    this.#create = createLogUpdate
    this.#repaint = createLogUpdate(this.#stream, { showCursor: true })
  }
}
