/** What stands beside the layer's root and must stay as it is: bytes, times, attributes, and the listing itself. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { snapshot, trySetAttribute } from "../support/diskTree.ts"

export class Sentinel {
  readonly outside: string
  readonly #before: string

  constructor(outside: string) {
    this.outside = outside
    for (const name of ["victim", "victim/sub", "root-evil"]) mkdirSync(join(outside, name), { recursive: true })
    writeFileSync(join(outside, "victim/hello"), "world", { mode: 0o640 })
    writeFileSync(join(outside, "root-evil/secret"), "secret")
    symlinkSync("hello", join(outside, "victim/link"))
    trySetAttribute(join(outside, "victim/hello"), "user.sentinel", "1")
    this.#before = this.#now()
  }

  /** What has changed, or `undefined`. */
  broken(): string | undefined {
    const now = this.#now()
    return now === this.#before ? undefined : now
  }

  #now(): string {
    const trees = ["victim", "root-evil"].map((name) => snapshot(join(this.outside, name)))
    const beside = readdirSync(this.outside).filter((name) => !/^root\d(?:\.stat)?$/.test(name))
    return JSON.stringify([beside.sort(), trees], (_, value) => (typeof value === "bigint" ? String(value) : value))
  }
}
