/**
 * Real images are the same tree by four ways: the tar of an export, its disk image, umoci, the kernel's overlay.
 * `IMAGE_NAMES` (debian,nodeapp).
 */
import { expect, test } from "vitest"
import { makeImages } from "../support/dockerRegistry.ts"
import { openWays, sameFourWays } from "../support/fourWays.ts"
import { layoutOf } from "../support/oracle.ts"
import { openScratch } from "../support/scratch.ts"

const images = (process.env["IMAGE_NAMES"] ?? "debian,nodeapp").split(",")

test.runIf(process.getuid?.() === 0).each(images)(
  "%s",
  async (name) => {
    makeImages(name)
    using scratch = openScratch("real")
    await using ways = await openWays(scratch.path)
    const layout = layoutOf(name)
    const paths = await sameFourWays(ways, { reference: `oci:${layout}`, layout, tag: "latest" })
    expect(paths).toBeGreaterThan(200)
  },
  3_600_000
)
