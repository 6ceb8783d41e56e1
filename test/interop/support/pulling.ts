/** Pulls in processes of their own, which can be killed; and what the store holds afterwards. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { lstatSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { getAttributeSync, listAttributesSync } from "fs-xattr"
import type { PullerOptions, PullOptions } from "../../../src/api/config.ts"

export interface Wish {
  readonly root: string
  readonly references: ReadonlyArray<string>
  readonly options?: PullerOptions
  readonly pull?: PullOptions
  /** Removed, and pruned, before anything is pulled. */
  readonly removing?: ReadonlyArray<string>
  readonly pruning?: boolean
}

/** A line of its output: an event, or how it failed. */
export interface Said {
  readonly _tag: string
  readonly digest?: string
  readonly offset?: number
  readonly reason?: string
  readonly code?: string
  readonly message?: string
}

export interface Pulling {
  readonly process: ChildProcess
  readonly said: ReadonlyArray<Said>
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

const program = join(import.meta.dirname, "../programs/pull.mjs")

/** `flags` are Node's. With an environment of its own its standard error can be read. */
export const startPull = (
  wish: Wish,
  flags: ReadonlyArray<string> = [],
  env?: Readonly<Record<string, string>>
): Pulling => {
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(wish)], {
    stdio: ["ignore", "pipe", env === undefined ? "inherit" : "pipe"],
    env: { ...process.env, ...env }
  })
  if (child.stdout === null) throw new Error("no standard output")
  const said: Array<Said> = []
  createInterface({ input: child.stdout }).on("line", (line) => {
    // A process that is killed may leave half a line.
    if (line.endsWith("}")) said.push(JSON.parse(line))
  })
  const ended = once(child, "close").then(([code, signal]) => signal ?? code)
  return { process: child, said, ended }
}

export const sqlite = (root: string, sql: string): ReadonlyArray<Readonly<Record<string, unknown>>> => {
  const text = execFileSync("sqlite3", ["-json", join(root, "oci.db"), sql], { encoding: "utf8" })
  return text.trim() === "" ? [] : JSON.parse(text)
}

/** What the catalogue says, without times and row numbers. */
export const rows = (root: string): string =>
  JSON.stringify(
    sqlite(
      root,
      `SELECT i.reference, i.digest, i.size_bytes, m.digest AS manifest, c.digest AS config, ml.position,
              l.digest AS layer, l.diff_id, l.size_bytes AS layer_size
       FROM images i JOIN manifests m ON m.image_id = i.id JOIN configs c ON c.manifest_id = m.id
       LEFT JOIN manifest_layers ml ON ml.manifest_id = m.id LEFT JOIN layers l ON l.id = ml.layer_id
       ORDER BY i.reference, m.digest, ml.position`
    )
  )

export const integrity = (root: string): unknown => sqlite(root, "PRAGMA integrity_check")[0]?.["integrity_check"]

/** Each path with all that `lstat` and its attributes tell, and the contents: an archive, hashed. */
const fingerprint = (tree: string): string => {
  const archive = [
    "tar --create --sort=name --numeric-owner --format=posix --pax-option=exthdr.name=x,delete=atime,delete=ctime",
    `--xattrs --xattrs-include='*' --directory "$1" --null --files-from=-`
  ].join(" ")
  // Not `.` itself: its time is left out, since an archive need not say it.
  const { mode, uid, gid } = lstatSync(tree)
  const root = listAttributesSync(tree).map((name) => [name, getAttributeSync(tree, name).toString("latin1")])
  const hash = execFileSync("sh", ["-c", `${archive} | openssl dgst -sha256 -r`, "fingerprint", tree], {
    encoding: "utf8",
    input: Buffer.concat(
      readdirSync(tree, { encoding: "buffer" })
        .sort(Buffer.compare)
        .flatMap((name) => [Buffer.from("./"), name, Buffer.of(0)])
    )
  })
  return JSON.stringify([mode, uid, gid, root.sort(), hash.slice(0, 64)])
}

/** Every tree by name, with its fingerprint. */
export const trees = (root: string): ReadonlyArray<string> => {
  const layers = join(root, "layers")
  const names = readdirSync(layers).filter((name) => /\.(?:extracted|rootfs)$/.test(name))
  return names.sort().map((name) => `${name} ${fingerprint(join(layers, name))}`)
}

/** Names of locks and of staged layers that nobody holds any more. */
export const leftovers = (root: string): ReadonlyArray<string> => {
  const list = (...path: ReadonlyArray<string>) => {
    try {
      return readdirSync(join(root, ...path))
    } catch {
      return []
    }
  }
  return [...list("layers", ".staging"), ...list("partial")]
}

/** Numbers that look random and are the same for the same seed. */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export const seedOf = (name: string): number => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32))
  console.log(`${name}: SEED=${seed}`)
  return seed
}

export const countOf = (name: string, usual: number): number => Number(process.env[name] ?? usual)
