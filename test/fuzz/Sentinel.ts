/** What stands beside the layer's root and must stay as it is: bytes, times, attributes, and the listing itself. */
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { snapshot, trySetAttribute } from "../support/diskTree.ts"
import { isRoot } from "./leavings.ts"

/** Of a file or a directory. */
const places = ["victim", "victim/sub", "victim/hello", "victim/link", "root-evil", "root-evil/secret"]

/** Looks between two at everything. */
const quick = 256

export class Sentinel {
  readonly outside: string
  #before: string
  #marked: string
  #looks = 0

  constructor(outside: string) {
    this.outside = outside
    for (const name of ["victim", "victim/sub", "root-evil"]) mkdirSync(join(outside, name), { recursive: true })
    writeFileSync(join(outside, "victim/hello"), "world", { mode: 0o640 })
    writeFileSync(join(outside, "root-evil/secret"), "secret")
    symlinkSync("hello", join(outside, "victim/link"))
    trySetAttribute(join(outside, "victim/hello"), "user.sentinel", "1")
    this.#before = this.#now()
    this.#marked = this.#marks()
  }

  /** What has changed since it was last asked, or `undefined`: each change is the case's that made it. */
  broken(): string | undefined {
    this.#looks += 1
    if (this.#looks % quick !== 0 && this.#marks() === this.#marked) return undefined
    return this.everything()
  }

  everything(): string | undefined {
    const now = this.#now()
    if (now === this.#before) return undefined
    this.#before = now
    this.#marked = this.#marks()
    return now
  }

  /** Whatever is done to a file changes its ctime, which nobody sets; whatever is done in a directory changes the directory's. */
  #marks(): string {
    const marks = places.map((place) => {
      const { ino, nlink, ctimeNs } = lstatSync(join(this.outside, place), { bigint: true })
      return `${ino} ${nlink} ${ctimeNs}`
    })
    return `${this.#beside()} ${marks}`
  }

  #beside(): ReadonlyArray<string> {
    const names = readdirSync(this.outside).filter((name) => !isRoot(name))
    return names.sort()
  }

  #now(): string {
    const trees = ["victim", "root-evil"].map((name) => snapshot(join(this.outside, name)))
    return JSON.stringify([this.#beside(), trees], (_, value) => (typeof value === "bigint" ? String(value) : value))
  }
}
