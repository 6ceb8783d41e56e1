/** ociflow as a whole process: its command line, of any build, on any Node. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Command, versionOf } from "../measure/Command.ts"
import type { Peer } from "./Peer.ts"

export const here: string = fileURLToPath(new URL("../..", import.meta.url))

export const pullCommand = (root: string, reference: string, node = process.execPath, tree = here): Command => ({
  argv: [node, `${tree}/dist/cli/main.js`, "pull", "--quiet", "--root", root, reference]
})

export const ociflow = (name = "ociflow", node: string = process.execPath, tree: string = here): Peer => ({
  name,
  how: "ociflow's command line, with all checks and the catalogue",
  version: () => versionOf(node, "--version").then((version) => version && `Node ${version}`),
  zstd: true,
  command: ({ registry, image, out }) => pullCommand(out, `${registry}/${image}:latest`, node, tree)
})

/** The first pull of a program of one's own: from its start to its end, without V8 flags. */
export const program = (
  name = "a program with ociflow",
  node: string = process.execPath,
  tree: string = here
): Peer => ({
  name,
  how: "a Node program that imports ociflow, opens a client, pulls and ends",
  version: () => versionOf(node, "--version").then((version) => version && `Node ${version}`),
  zstd: true,
  command: ({ registry, image, out }) => ({
    argv: [
      node,
      join(here, "bench/processes/pull.mjs"),
      JSON.stringify({ tree, root: out, references: [`${registry}/${image}:latest`] })
    ]
  })
})
