/** Images made by umoci and buildah, with whiteouts and replaced kinds: merged and mounted they are what umoci unpacks. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import type { PullerOptions } from "../../../src/api/config.ts"
import { lowerdir } from "../../../src/index.ts"
import { open, temporaryRoot } from "../../support/open.ts"
import { type DockerRegistry, startDockerRegistry } from "../support/dockerRegistry.ts"
import { blobOf, everythingBeneath, push, run, unpacked } from "../support/oracle.ts"
import { differences, readTree } from "../support/tree.ts"

type Steps = ReadonlyArray<string>

/** What each layer does to the tree. */
const steps = [
  `mkdir -p d/sub e d2f; echo 1 >d/a; echo 1 >d/sub/b; echo 1 >e/x; echo 1 >gone; ln gone hard; echo 1 >f2d
   echo 1 >d2f/x; ln -s d l2d; mkfifo p; mknod null c 1 3; chown 5:6 e/x; chmod 4755 d/a; setfattr -n user.note -v a d/a
   touch -d @1000000000.5 e/x; echo 1 >l2f; ln -s /etc/passwd abs`,
  `rm gone; rm -r e; mkdir -m 1777 e; echo 2 >e/y; rm f2d; mkdir f2d; echo 2 >f2d/z; rm -r d2f; echo 2 >d2f
   rm l2d; mkdir l2d; echo 2 >l2d/q; rm d/sub/b; rm p; ln -s f2d p; rm l2f; ln -s d l2f`,
  `rm -r d; mkdir d; echo 3 >d/new; echo 3 >gone; rm null; echo 3 >null; ln gone second; chown -h 8:9 abs; rm l2f`
]

const withUmoci = (directory: string, steps: Steps): string => {
  const layout = join(directory, "umoci")
  const bundle = join(directory, "bundle")
  run("umoci", "init", "--layout", layout)
  run("umoci", "new", "--image", `${layout}:latest`)
  run("umoci", "unpack", "--image", `${layout}:latest`, bundle)
  for (const step of steps) {
    run("sh", "-euc", `cd ${bundle}/rootfs; ${step}`)
    run("umoci", "repack", "--refresh-bundle", "--image", `${layout}:latest`, bundle)
  }
  return layout
}

const withBuildah =
  (driver: string) =>
  (directory: string, steps: Steps): string => {
    const home = join(directory, driver)
    const build = (...args: ReadonlyArray<string>) =>
      run(
        "buildah",
        "--root",
        `${home}/storage`,
        "--runroot",
        `${home}/run`,
        "--storage-driver",
        driver,
        ...args
      ).trim()
    let from = "scratch"
    for (const [index, step] of steps.entries()) {
      const container = build("from", "--pull-never", from)
      run("sh", "-euc", `cd ${build("mount", container)}; ${step}`)
      build("umount", container)
      from = `localhost/step${index}`
      build("commit", "-q", "--rm", container, from)
    }
    build("push", "-q", from, `oci:${home}/oci:latest`)
    return `${home}/oci`
  }

/**
 * Directories that are removed and made again, within each other, twice, and with the names that they had. Their times
 * are set: umoci leaves out what changed within the second.
 */
const opaqueSteps = [
  `mkdir -p a/b/c once/in twice other; echo 1 >a/b/c/f; echo 1 >a/b/g; echo 1 >a/h; echo 1 >once/in/x; echo 1 >twice/t
   echo 1 >other/o; ln -s other was-link; setfattr -n user.old -v 1 a; ln a/h h`,
  `rm -r a; mkdir -p a/b/c; echo 2 >a/b/c/new; echo 2 >a/h; chmod 2750 a; rm -r once; mkdir once; rm -r twice
   mkdir twice; echo 2 >twice/u; rm was-link; mkdir was-link; echo 2 >was-link/w; touch -d @1000000002 a once twice`,
  `rm -r a/b; mkdir -p a/b/c; echo 3 >a/b/c/f; rm -r twice; mkdir twice; echo 3 >twice/t; rm -r other; echo 3 >other
   rm -r was-link; ln -s a was-link; chown 5:6 once; touch -d @1000000003 a once twice`
]

/** \`umoci insert --opaque\`: its markers stand behind their directory, once also where nothing was. */
const inserted = (directory: string): string => {
  const layout = withUmoci(directory, opaqueSteps.slice(0, 1))
  const source = join(directory, "source")
  run("sh", "-euc", `mkdir -p ${source}/b; echo new >${source}/b/n; echo new >${source}/h; ln ${source}/h ${source}/l`)
  for (const target of ["/a", "/twice", "/nothing", "/a"])
    run("umoci", "insert", "--image", `${layout}:latest`, "--opaque", source, target)
  return layout
}

/** How often a layer of the image says that a directory hides what lies beneath it. */
const opaqueMarkers = (layers: ReadonlyArray<{ readonly digest: string }>, layout: string): number =>
  layers
    .map(({ digest }) => run("tar", "--list", "--gzip", "--file", blobOf(layout, digest)))
    .flatMap((names) => names.split("\n").filter((name) => name.endsWith("/.wh..wh..opq"))).length

let registry: DockerRegistry
let home: Awaited<ReturnType<typeof temporaryRoot>>
beforeAll(async () => {
  registry = await startDockerRegistry()
  home = await temporaryRoot()
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  // Layers of buildah's hold devices and mounts of their own kind.
  run("rm", "-rf", home.root)
})

const builders = { umoci: withUmoci, "buildah-vfs": withBuildah("vfs"), "buildah-overlay": withBuildah("overlay") }

/** Merged and mounted, each way equals what umoci unpacks; gives that, and the pulled layers. */
const compared = async (name: string, directory: string, layout: string) => {
  const reference = `${registry.host}/${name}:latest`
  push(`${layout}:latest`, reference)
  const theirs = readTree(unpacked(layout, join(directory, "unpacked")))
  const pull = async (options: PullerOptions) => {
    await using oci = await open({ ownership: "chown", root: join(directory, "store"), ...options })
    return await oci.pull(reference)
  }
  const { rootfs = "", layers } = await pull({ layout: "rootfs" })
  expect(differences(readTree(rootfs), theirs, everythingBeneath)).toEqual([])

  for (const [overlayAttributes, extra] of [
    ["trusted", ""],
    ["user", ",userxattr"]
  ] as const) {
    const image = await pull({ layout: "overlay", overlayAttributes })
    const at = join(directory, overlayAttributes)
    mkdirSync(at)
    run("mount", "-t", "overlay", "overlay", "-o", `lowerdir=${lowerdir(image)}${extra}`, at)
    onTestFinished(() => {
      run("umount", at)
    })
    expect(differences(readTree(at), theirs, everythingBeneath)).toEqual([])
  }
  return { theirs, layers }
}

const under = (name: string): string => {
  const directory = join(home.root, name)
  mkdirSync(directory)
  return directory
}

describe.each(Object.entries(builders))("%s", (name, build) => {
  test("whiteouts, opaque directories and replaced kinds", { timeout: 600_000 }, async () => {
    const directory = under(name)
    const { theirs, layers } = await compared(name, directory, build(directory, steps))
    expect(layers.length).toBe(steps.length)
    expect(theirs.get("gone")?.same).toBe("gone")
    expect([...theirs.keys()].filter((path) => path.startsWith("d"))).toEqual(["d", "d/new", "d2f"])
  })

  test("directories that were removed and made again", { timeout: 600_000 }, async () => {
    const directory = under(`${name}-opaque`)
    const layout = build(directory, opaqueSteps)
    const { theirs, layers } = await compared(`${name}-opaque`, directory, layout)
    expect(opaqueMarkers(layers, layout)).toBe(name === "buildah-overlay" ? 6 : 0)
    expect([...theirs.keys()].filter((path) => /^(?:a|once|twice)/.test(path))).toEqual([
      "a",
      "a/b",
      "a/b/c",
      "a/b/c/f",
      "a/h",
      "once",
      "twice",
      "twice/t"
    ])
  })
})

test("umoci insert --opaque", { timeout: 600_000 }, async () => {
  const directory = under("inserted")
  const layout = inserted(directory)
  const { theirs, layers } = await compared("inserted", directory, layout)
  expect(opaqueMarkers(layers, layout)).toBe(4)
  expect([...theirs.keys()].filter((path) => /^(?:a|twice)\//.test(path))).toEqual(
    ["a", "twice"].flatMap((it) => [`${it}/b`, `${it}/b/n`, `${it}/h`, `${it}/l`])
  )
})
