/** What must hold of a store when all is quiet, whatever was done to it. */

import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { integrity, sqlite } from "../interop/support/pulling.ts"
import { differences, type Node, readTree } from "../interop/support/tree.ts"
import type { Ground, Ran } from "./runScript.ts"

/** A tree, and what is beside it. */
interface Described {
  readonly nodes: Map<string, Node>
  readonly beside: string
}

export interface References {
  readonly trees: ReadonlyMap<string, Described>
  /** Milliseconds: when the first and the last of them were made. Of times in between no archive tells. */
  readonly began: number
  readonly ended: number
}

const list = (...path: ReadonlyArray<string>) => {
  const directory = join(...path)
  return existsSync(directory) ? readdirSync(directory).sort() : []
}

const isTree = (name: string) => /\.(?:extracted|rootfs)$/.test(name)

const describeTree = (path: string): Described => ({
  nodes: readTree(path),
  beside: existsSync(`${path}.stat`) ? readFileSync(`${path}.stat`, "utf8") : ""
})

/** In content, mode, owner, device, times, attributes and links. */
const differ = (found: Described, expected: Described, { began, ended }: References) => {
  // Whiteouts, and directories that no entry names, have the time at which they were made.
  const isUnsaid = (path: string) => {
    const millis = Number((expected.nodes.get(path)?.mtime ?? 0n) / 1_000_000n)
    return path === "." || (millis >= began - 1000 && millis <= ended)
  }
  const everything = ({ mtime, ...node }: Node, path: string) => ({ ...node, mtime: isUnsaid(path) ? "" : `${mtime}` })
  return [
    ...differences(found.nodes, expected.nodes, everything),
    ...(found.beside === expected.beside ? [] : ["the stat file"])
  ]
}

export const treesIn = (layersDir: string): ReadonlyMap<string, Described> =>
  new Map(
    list(layersDir)
      .filter(isTree)
      .map((name) => [name, describeTree(join(layersDir, name))])
  )

const cli = join(import.meta.dirname, "../../dist/cli/main.js")
const run = (root: string, ...args: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args, "--root", root], { encoding: "utf8" })
  return { problem: status === 0 ? [] : [`${args.join(" ")} ended with ${status}: ${stdout}${stderr}`.trim()], stdout }
}

export const listed = (root: string): ReadonlyMap<string, string> =>
  new Map(
    existsSync(join(root, "oci.db"))
      ? sqlite(root, "SELECT reference, digest FROM images").map((row) => [
          String(row["reference"]),
          String(row["digest"])
        ])
      : []
  )

/** References that are listed, or are not, and must not. */
const checkListing = ({ root, registry }: Ground, before: ReadonlyMap<string, string>, { ended, named }: Ran) => {
  const now = listed(root)
  const pruned = ended.some(({ act }) => act.do === "prune" && act.how.keepBytes !== undefined)
  return [...named].flatMap(([name, digests]) => {
    const acts = ended.filter(({ act }) => "name" in act && act.name === name)
    const pulls = acts.filter(({ act }) => act.do === "pull" || act.do === "command" || act.do === "hold")
    const done = pulls.some(
      ({ act, result }) =>
        result !== undefined &&
        result.error === undefined &&
        result.aborted === undefined &&
        (act.do !== "command" || result.code === 0)
    )
    const reference = registry.reference(name)
    const [was, is] = [before.get(reference), now.get(reference)]
    const removed = pruned || acts.some(({ act }) => act.do === "remove")
    const may = new Set([was, ...(pulls.length > 0 ? digests : []), ...(removed ? [undefined] : [])])
    if (done && !removed) may.delete(undefined)
    return may.has(is) ? [] : [`${name} is listed with ${is}, and may be with ${[...may].join(", ")}`]
  })
}

const checkRows = (root: string) => {
  const said = integrity(root)
  const foreign = sqlite(root, "PRAGMA foreign_key_check")
  return [
    ...(said === "ok" ? [] : [`integrity_check says ${said}`]),
    ...(foreign.length === 0 ? [] : [`foreign_key_check says ${JSON.stringify(foreign)}`])
  ]
}

const checkTrees = (root: string, references: References) =>
  [...treesIn(join(root, "layers"))].flatMap(([name, tree]) => {
    const expected = references.trees.get(name)
    if (expected === undefined) return [`${name} is not a tree of ours`]
    const [first] = differ(tree, expected, references)
    return first === undefined ? [] : [`${name} is not what it was: ${first}`]
  })

/** The trees that rows name, by name. */
const neededTrees = (root: string): ReadonlyArray<string> =>
  sqlite(
    root,
    `SELECT DISTINCT CASE t.kind WHEN 'rootfs' THEN m.digest ELSE ifnull(ml.tree, l.digest) END || iif(t.variant = '', '', '.' || t.variant)
       || '.' || t.kind AS name
     FROM manifest_trees t JOIN manifests m ON m.id = t.manifest_id
     LEFT JOIN manifest_layers ml ON ml.manifest_id = m.id AND t.kind = 'extracted' LEFT JOIN layers l ON l.id = ml.layer_id
     ORDER BY name`
  ).flatMap(({ name }) => (typeof name === "string" ? [name] : []))

const checkLayout = (layout: string) => {
  if (!existsSync(layout)) return []
  const strange = list(layout).filter((name) => !["blobs", "index.json", "oci-layout", ".ociflow.lock"].includes(name))
  const blobs = list(layout, "blobs", "sha256")
  const wrong = blobs.filter(
    (hex) =>
      createHash("sha256")
        .update(readFileSync(join(layout, "blobs/sha256", hex)))
        .digest("hex") !== hex
  )
  const index = existsSync(join(layout, "index.json"))
    ? JSON.parse(readFileSync(join(layout, "index.json"), "utf8"))
    : { manifests: [] }
  const missing = index.manifests.filter(({ digest }: { digest: string }) => !blobs.includes(digest.slice(7)))
  return [
    ...wrong.map((hex) => `the kept blob ${hex} is not what its name says`),
    ...missing.map(({ digest }: { digest: string }) => `the layout names ${digest}, which is not there`),
    ...strange.filter((name) => !name.endsWith(".tmp")).map((name) => `${name} was left in the layout`)
  ]
}

/** After a prune that nobody disturbs nothing is there that no image needs. */
const checkLeftovers = (root: string) => {
  const needed = neededTrees(root)
  const trees = list(root, "layers")
  const digests = new Set(needed.map((name) => name.replace(/\..*$/, "")))
  const named = sqlite(
    root,
    "SELECT digest FROM indexes UNION SELECT digest FROM manifests UNION SELECT digest FROM configs ORDER BY 1"
  ).map(({ digest }) => String(digest).slice(7))
  const [{ records } = { records: 0 }] = sqlite(root, "SELECT count(*) AS records FROM manifests")
  const same = (what: string, found: ReadonlyArray<string>, expected: ReadonlyArray<string>) =>
    found.join() === expected.join()
      ? []
      : [
          `after a quiet prune ${what} lacks ${expected.filter((it) => !found.includes(it))}`,
          `after a quiet prune ${what} has ${found.filter((it) => !expected.includes(it))}`
        ]
  return [
    ...same("layers", trees.filter(isTree), needed),
    ...same(
      "layers beside trees",
      trees.filter((name) => !isTree(name) && !name.endsWith(".stat") && name !== ".staging"),
      []
    ),
    ...same(
      "stat files",
      trees.filter((name) => name.endsWith(".stat") && !needed.includes(name.slice(0, -5))),
      []
    ),
    ...same("staging", list(root, "layers", ".staging"), []),
    ...same("partial", list(root, "partial"), []),
    ...same(
      "locks",
      list(root, "locks").filter((name) => name !== "held"),
      []
    ),
    ...same("holds", list(root, "locks", "held"), []),
    ...same(
      "proofs",
      list(root, "proofs").filter((name) => !digests.has(name)),
      []
    ),
    ...same("fingerprints", list(root, "fingerprints"), needed),
    ...same("documents", list(root, "documents", "sha256"), named),
    ...same(
      "records",
      [String(list(root, "references").flatMap((name) => list(root, "references", name)).length)],
      [String(records)]
    ),
    ...same(
      "the root",
      list(root).filter((name) => name.startsWith("oci.db")),
      list(root).filter((name) => ["oci.db", "oci.db.sound", "oci.db.spare"].includes(name))
    )
  ]
}

const summary = (root: string) => {
  const platform = "group_concat(m.platform_os || '/' || m.platform_arch || ' ' || m.digest)"
  const from = "images i JOIN manifests m ON m.image_id = i.id GROUP BY i.id ORDER BY i.reference"
  return JSON.stringify(sqlite(root, `SELECT i.reference, i.digest, ${platform} AS platforms FROM ${from}`))
}

/** A catalogue that is lost is built again, and lists the same. The store goes on with it. */
export const checkRebuilt = (root: string) => {
  if (listed(root).size === 0) return []
  const before = summary(root)
  for (const name of list(root)) if (name.startsWith("oci.db")) rmSync(join(root, name))
  const { problem } = run(root, "images")
  const after = existsSync(join(root, "oci.db")) ? summary(root) : "nothing"
  return [
    ...problem,
    ...(before === after ? [] : [`a lost catalogue listed ${before}, and lists ${after} when it is built again`])
  ]
}

/** Everything that is wrong. `before`: what was listed when the round began. */
export const check = (
  ground: Ground,
  references: References,
  before: ReadonlyMap<string, string>,
  ran: Ran
): ReadonlyArray<string> => {
  const { root, layout } = ground
  if (!existsSync(join(root, "oci.db"))) return ran.problems
  return [
    ...ran.problems,
    ...checkListing(ground, before, ran),
    ...checkRows(root),
    ...checkTrees(root, references),
    ...run(root, "verify").problem,
    ...checkLayout(layout),
    ...run(root, "prune").problem,
    ...checkRows(root),
    ...checkLeftovers(root),
    ...run(root, "verify").problem
  ]
}
