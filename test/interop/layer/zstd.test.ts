/** What the zstd program writes, through either decoder. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { describe, expect, test } from "vitest"
import { makeInputBudget } from "../../../src/layer/compression/decompress.ts"
import { hasNativeZstd, nativeZstd, unzstd } from "../../../src/layer/compression/unzstd.ts"
import { WasmZstd } from "../../../src/layer/compression/WasmZstd.ts"
import { loadZstd } from "../../../src/seams/zstdModule.ts"
import { Prng } from "../../../src/testing/image/Prng.ts"

const module = loadZstd()
const decoders = [
  ["WebAssembly", () => new WasmZstd(module)] as const,
  ...(hasNativeZstd ? [["Node's", nativeZstd] as const] : [])
]

/** Half words of one's own, half what was there before: literals of unequal weight, matches of all lengths and distances. */
const text = (length: number, seed: string): Buffer => {
  const random = new Prng(seed)
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; ) {
    const size = 1 + random.below(4000)
    if (at === 0 || random.chance(0.5)) bytes.write(random.word(size), at)
    else bytes.copy(bytes, at, random.below(at), random.below(at) + size)
    at += size
  }
  return bytes
}

/** The `zstd` program's. */
const zstd = (bytes: Uint8Array, ...options: ReadonlyArray<string>): Buffer =>
  execFileSync("zstd", ["-q", "-c", ...options], { input: bytes, maxBuffer: 2 ** 28 })

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

describe.each(decoders)("%s decoder", (_, decoder) => {
  const decode = (bytes: Uint8Array, size = 16384): Buffer => {
    const machine = unzstd("sha256:test", makeInputBudget(), decoder())
    const out: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; at += size)
      machine.push(bytes.subarray(at, at + size), (it) => out.push(Uint8Array.from(it)))
    machine.end((it) => out.push(Uint8Array.from(it)))
    machine.close?.()
    return Buffer.concat(out)
  }

  test("what the zstd program compressed, at any level, with any window, however it is cut", () => {
    const bytes = text(1_000_000, "levels")
    for (const options of [["-1"], ["-3", "--no-check"], ["-19", "--check"], ["--ultra", "-22", "--long=27"]])
      for (const size of [16384, 999, 1_000_000]) expect(sha(decode(zstd(bytes, ...options), size))).toBe(sha(bytes))
  })

  test("frames follow each other, with skippable ones between them", () => {
    const parts = [text(400_000, "a"), text(7, "b"), Buffer.alloc(0), text(300_000, "c")]
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const stream = Buffer.concat(parts.flatMap((part, i) => [skippable, zstd(part, `-${i + 1}`)]))
    for (const size of [1, 17, 16384]) expect(sha(decode(stream, size))).toBe(sha(Buffer.concat(parts)))
  })

  test("a window of 128 MiB is in use", () => {
    // 2 MiB at the beginning, and again behind 126 MiB of zeros: found only by who looks back as far.
    const noise = new Prng("window").bytes(2 ** 21)
    const bytes = Buffer.concat([noise, Buffer.alloc(124 * 2 ** 20), noise])
    const blob = zstd(bytes, "-3", "--long=27")
    expect(blob.length).toBeLessThan(noise.length * 1.5)
    expect(sha(decode(blob))).toBe(sha(bytes))
  })
})
