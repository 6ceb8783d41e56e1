import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"
import { expect, test } from "vitest"

test.each(["progress", "remote"])(
  "ociflow/%s is for browsers: nothing of Node, and with RxJS less than 20 kB gzipped",
  async (name) => {
    // esbuild fails for a module of Node's on this platform.
    const { outputFiles, metafile } = await build({
      entryPoints: [fileURLToPath(new URL(`../src/${name}/index.ts`, import.meta.url))],
      bundle: true,
      platform: "browser",
      format: "esm",
      minify: true,
      write: false,
      metafile: true
    })
    const inputs = Object.keys(metafile.inputs).filter((path) => !/node_modules\/(rxjs|tslib)\//.test(path))
    expect(inputs.filter((path) => !path.includes(`src/${name}/`))).toEqual([])
    expect(gzipSync(outputFiles[0]?.contents ?? new Uint8Array()).length).toBeLessThan(20_000)
  }
)
