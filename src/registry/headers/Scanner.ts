/** Reads a header from left to right, by patterns that are sticky (flag `y`). */
export class Scanner {
  readonly text: string
  position = 0

  constructor(text: string) {
    this.text = text
  }

  get isAtEnd(): boolean {
    return this.position >= this.text.length
  }

  /** The character that is next; `undefined` at the end. */
  get next(): string | undefined {
    return this.text[this.position]
  }

  /** Moves past the match that begins here. Without a match it does not move, and returns `null`. */
  take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position
    const match = pattern.exec(this.text)
    if (match !== null) this.position = pattern.lastIndex
    return match
  }
}
