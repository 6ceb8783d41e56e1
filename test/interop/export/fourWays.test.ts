/**
 * Images are the same tree by four ways: the tar of an export, its disk image, umoci, the kernel's overlay. `TREES` says how
 * many random images, `TREES_FROM` the seed of the first one.
 */
import { join } from "node:path"
import { test } from "vitest"
import { randomImage, startRegistry } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { openWays, sameFourWays } from "../support/fourWays.ts"
import { directoryOfTest } from "../support/oracle.ts"

const count = Math.min(Number(process.env["TREES"] ?? 200), 200)
const from = Number(process.env["TREES_FROM"] ?? 0)

test.runIf(process.getuid?.() === 0)(
  `${count} random images`,
  async () => {
    const home = await directoryOfTest()
    await using registry = await startRegistry()
    // What umoci reads. The registry is in this process, which no program may make wait.
    const layout = join(home, "oci")
    await using oci = await open({ root: join(home, "store"), keepBlobs: layout })
    await using ways = await openWays(home)
    for (let seed = from; seed < from + count; seed++) {
      // Every other image has devices and FIFOs.
      const made = await randomImage(`export ${seed}`, { nodes: seed % 2 === 1 })
      registry.add(`random:${seed}`, made)
      const reference = registry.reference(`random:${seed}`)
      await oci.pull(reference)
      await sameFourWays(ways, { reference, layout, tag: String(seed), made })
    }
  },
  1_200_000
)
