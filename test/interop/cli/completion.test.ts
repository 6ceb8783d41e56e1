/** Completion in the real shells: they offer what the store holds, and run nothing of it. */
import { execFile, execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { image, startRegistry } from "../../../src/testing/index.ts"
import { randomLayer } from "../../support/randomLayer.ts"

const main = join(import.meta.dirname, "../../../dist/cli/main.js")

let directory: string
let root: string
let env: NodeJS.ProcessEnv
let stored: string
let hostile: string

/** The registry is in this process, which no program may make wait. */
const ociflow = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)(join(directory, "bin/ociflow"), args, { encoding: "utf8", env, cwd: directory })).stdout

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-completion-"))
  root = join(directory, "st re")
  env = {
    ...process.env,
    OCIFLOW_HOME: root,
    PATH: `${join(directory, "bin")}:${process.env["PATH"]}`,
    HOME: directory
  }
  await mkdir(join(directory, "bin"))
  await writeFile(join(directory, "bin/ociflow"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`)
  await chmod(join(directory, "bin/ociflow"), 0o755)
  const registry = await startRegistry({
    images: { "org/app:1": await image({ layers: [randomLayer("small", 1000)] }) }
  })
  stored = registry.reference("org/app:1")
  const layout = join(directory, "it's $(touch pwned); `touch pwned`")
  await ociflow("pull", stored, "--quiet", "--keep-blobs", layout)
  await registry.close()
  hostile = `oci:${layout}:1`
  await ociflow("pull", hostile, "--quiet")
  for (const shell of ["bash", "zsh", "fish"])
    await writeFile(join(directory, `script.${shell}`), await ociflow("completion", shell))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** What bash would put on the line, after its words are read by a shell again. */
const bash = (...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const script = `
    source "$1"; shift
    COMP_WORDS=(ociflow "$@"); COMP_LINE="\${COMP_WORDS[*]}"; COMP_POINT=\${#COMP_LINE}; COMP_CWORD=$#
    _ociflow ociflow "\${COMP_WORDS[COMP_CWORD]}" "" || true
    for it in "\${COMPREPLY[@]}"; do eval "printf '%s\\n' $it"; done`
  const args = ["--norc", "-c", script, "bash", join(directory, "script.bash"), ...words]
  return execFileSync("bash", args, { encoding: "utf8", env, cwd: directory }).split("\n").filter(Boolean)
}

test.for([["rm"], ["inspect"], ["ls"], ["cat"], ["pull"], ["rm", "a"], ["inspect", "--json"]])(
  "bash offers the references after %s",
  (words) => {
    expect(bash(...words, "").toSorted()).toEqual([stored, hostile].toSorted())
    expect(bash(...words, "oci")).toEqual([hostile])
    expect(bash(...words, "nothing")).toEqual([])
  }
)

test("bash asks the store that --root names, and offers nothing where there is none", () => {
  expect(bash("rm", "--root", `'${root}'`, "oci")).toEqual([hostile])
  expect(bash("rm", "--root", join(directory, "none"), "")).toEqual([])
  expect(existsSync(join(directory, "none"))).toBe(false)
})

const referencesIn = (text: string) =>
  text
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "")
    .filter((line) => /^(?:oci:|127)/.test(line))
    .toSorted()

test("fish offers the references", () => {
  const script = `source ${join(directory, "script.fish")}; complete -C "ociflow rm "`
  const offered = execFileSync("fish", ["--no-config", "-c", script], { encoding: "utf8", env, cwd: directory })
  expect(referencesIn(offered)).toEqual([stored, hostile].toSorted())
})

test("zsh offers the references", () => {
  // Outside of its line editor: what would be offered is printed.
  const script = `
    compdef() { }; compadd() { print -rl -- $names }
    source "$1"; words=(rm ''); PREFIX=''
    _ociflow_stored`
  const args = ["-f", "-c", script, "zsh", join(directory, "script.zsh")]
  expect(referencesIn(execFileSync("zsh", args, { encoding: "utf8", env, cwd: directory }))).toEqual(
    [stored, hostile].toSorted()
  )
})

test("nothing of a name was run", () => {
  expect(existsSync(join(directory, "pwned"))).toBe(false)
})
