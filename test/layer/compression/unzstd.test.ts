/** Either decoder, on every Node that has it: the same bytes, the same refusals, steps that end soon. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { filter, firstValueFrom, Observable } from "rxjs"
import { afterAll, describe, expect, test } from "vitest"
import { makeInputBudget } from "../../../src/layer/compression/decompress.ts"
import { hasNativeZstd, nativeZstd, unzstd } from "../../../src/layer/compression/unzstd.ts"
import { WasmZstd } from "../../../src/layer/compression/WasmZstd.ts"
import { ExtractionPool, type Source } from "../../../src/layer/pool/ExtractionPool.ts"
import type { Gate } from "../../../src/reactive/Gate.ts"
import { loadZstd } from "../../../src/seams/zstdModule.ts"
import { Prng } from "../../../src/testing/image/Prng.ts"
import { tar } from "../../../src/testing/index.ts"
import { cpuOf } from "../../support/cpuOf.ts"
import { it } from "../../support/effect.ts"
import { thrown } from "../../support/entries.ts"

const module = loadZstd()
const decoders = [
  ["WebAssembly", () => new WasmZstd(module)] as const,
  ...(hasNativeZstd ? [["Node's", nativeZstd] as const] : [])
]

/** Magic, a descriptor, a window of 2^17 bytes where the descriptor wants one. */
const begin = (descriptor = 0, window: ReadonlyArray<number> = [0x38]) =>
  Buffer.of(0x28, 0xb5, 0x2f, 0xfd, descriptor, ...window)

const block = (type: "raw" | "repeated" | "compressed", size: number, content: Uint8Array, last = false): Buffer => {
  const header = Buffer.alloc(3)
  header.writeUIntLE((size << 3) | (["raw", "repeated", "compressed"].indexOf(type) << 1) | (last ? 1 : 0), 0, 3)
  return Buffer.concat([header, content])
}
const raw = (content: Uint8Array, last = false) => block("raw", content.length, content, last)

/** `zstd -19 --check` of a text. */
const foxes = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(200))
const fox = Buffer.from(
  "KLUv/WRgIa0BAMQCdGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZwoBAIwRj1dlcs8RPg==",
  "base64"
)

/** 43 600 matches of 3 bytes in 12 bytes: tables of one symbol, no bits. The most work that a byte can ask for. */
const dense = (() => {
  const count = Buffer.from([0xff, 0, 0])
  count.writeUInt16LE(43_600 - 0x7f00, 1)
  const body = Buffer.concat([Buffer.of(8, 0x61), count, Buffer.of(0x54, 0, 0, 0, 1)])
  return block("compressed", body.length, body)
})()

describe.each(decoders)("%s decoder", (_, decoder) => {
  const decode = (bytes: Uint8Array, size = 16384): Buffer => {
    const machine = unzstd("sha256:test", makeInputBudget(), decoder())
    const out: Array<Uint8Array> = []
    try {
      for (let at = 0; at < bytes.length; at += size)
        machine.push(bytes.subarray(at, at + size), (it) => out.push(Uint8Array.from(it)))
      machine.end((it) => out.push(Uint8Array.from(it)))
    } finally {
      machine.close?.()
    }
    return Buffer.concat(out)
  }
  const problemOf = (bytes: Uint8Array): unknown => {
    let error: unknown
    const taken = cpuOf(() => {
      error = thrown(() => decode(bytes))
    })
    expect(taken).toBeLessThan(1000)
    return error
  }
  const corrupt = { _tag: "CorruptLayer", stage: "decompress" }

  test("frames follow each other, with skippable ones between them, however they are cut", () => {
    const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
    const stream = Buffer.concat([skippable, fox, skippable, fox.subarray(0, 0), fox, skippable])
    for (const size of [1, 17, 16384]) expect(decode(stream, size)).toEqual(Buffer.concat([foxes, foxes]))
  })

  test("a window of 128 MiB is allowed, and one byte more is refused", () => {
    const window = (size: number) => {
      const header = Buffer.alloc(4)
      header.writeUInt32LE(size)
      return Buffer.concat([begin(0xa0, []), header])
    }
    expect(thrown(() => decode(Buffer.concat([window(2 ** 27), raw(Buffer.of(1))])))).toMatchObject({
      problem: expect.stringMatching(/ends within/)
    })
    expect(thrown(() => decode(window(2 ** 27 + 1)))).toMatchObject({ problem: expect.stringMatching(/window of/) })
  })

  test("a checksum is looked at", () => {
    const blob = Buffer.from(fox)
    blob.writeUInt32LE((blob.readUInt32LE(blob.length - 4) ^ 1) >>> 0, blob.length - 4)
    expect(problemOf(blob)).toMatchObject(corrupt)
  })

  test("fewer or more bytes than the frame says are refused", () => {
    const sized = (size: number) => Buffer.concat([begin(0x20, [size]), raw(Buffer.alloc(9), true)])
    expect(decode(sized(9))).toEqual(Buffer.alloc(9))
    for (const size of [8, 10, 200]) expect(problemOf(sized(size))).toMatchObject(corrupt)
  })

  test("changed bytes end in a refusal or in other bytes, and soon", () => {
    const random = new Prng("changed")
    let refused = 0
    for (let i = 0; i < 300; i++) {
      const copy = Buffer.from(fox)
      for (let j = 1 + random.below(3); j > 0; j--) copy[random.below(copy.length)] = random.below(256)
      const error = problemOf(copy)
      if (error !== undefined) expect(error).toMatchObject(corrupt)
      if (error !== undefined) refused++
    }
    expect(refused).toBeGreaterThan(150)
  })

  /**
   * One literal, and 60 000 matches without a literal before them, each of 32 771 bytes and more: 2 to 4 GB that a block
   * of 112 KiB claims to stand for. Every table has one symbol (RFC 8878 §3.1.1.3.2.1).
   */
  const swelling = (): Buffer => {
    const sequences = 60_000
    const count = Buffer.from([0xff, 0, 0])
    count.writeUInt16LE(sequences - 0x7f00, 1)
    const bits = Buffer.alloc((sequences * 15) / 8 + 1, 0xff)
    return Buffer.concat([Buffer.of(8, 0x61), count, Buffer.of(0x54, 0, 0, 51), bits])
  }

  test("a block that swells beyond 128 KiB is refused at once", () => {
    const body = swelling()
    const blob = Buffer.concat([begin(), raw(Buffer.alloc(100, 0x62)), block("compressed", body.length, body, true)])
    expect(problemOf(blob)).toMatchObject(corrupt)
  })

  test("many blocks of matches as short as they can be take no longer than their output", () => {
    const blocks = Array.from({ length: 64 }, () => dense)
    const began = performance.now()
    const blob = Buffer.concat([begin(), raw(Buffer.alloc(100, 0x62)), ...blocks, raw(Buffer.alloc(0), true)])
    expect(decode(blob).length).toBe(100 + 64 * (1 + 43_600 * 3))
    expect(performance.now() - began).toBeLessThan(5000)
  })
})

test("decoders that were left in the middle give their memory back", () => {
  const zeros = block("repeated", 2 ** 17, Buffer.of(0))
  const blob = Buffer.concat([begin(0, [13 << 3]), ...Array.from({ length: 64 }, () => zeros)])
  const before = process.memoryUsage.rss()
  // 8 MiB of window each, all of it written: 640 MiB in all.
  for (let i = 0; i < 80; i++) {
    let made = 0
    new WasmZstd(module).write(blob, (chunk) => {
      made += chunk.length
    })
    expect(made).toBe(2 ** 23)
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28)
})

describe("an instance of the WebAssembly decoder", () => {
  const wasm = Reflect.get(globalThis, "WebAssembly") as { Instance: new (...given: Array<unknown>) => object }
  const window = (exponent: number) => begin(0, [(exponent - 10) << 3])
  const zeros = block("repeated", 2 ** 17, Buffer.of(0))
  /** How many instances are made while each stream is written, in its turn, and closed. */
  const instances = (...streams: ReadonlyArray<Uint8Array>): number => {
    let made = 0
    const { Instance } = wasm
    wasm.Instance = new Proxy(Instance, {
      construct: (target, given) => {
        made += 1
        return Reflect.construct(target, given)
      }
    })
    try {
      for (const stream of streams) {
        const decoder = new WasmZstd(module)
        thrown(() => {
          for (let at = 0; at < stream.length; at += 2 ** 14) decoder.write(stream.subarray(at, at + 2 ** 14), () => {})
        })
        decoder.close()
      }
      return made
    } finally {
      wasm.Instance = Instance
    }
  }
  const spent = (): void => {
    new WasmZstd(module)
  }

  test("serves the streams of a thread one after the other, whole or left in the middle", () => {
    spent()
    expect(instances(fox, fox.subarray(0, 20), Buffer.concat([window(23), ...Array(80).fill(zeros)]), fox)).toBe(1)
    const out: Array<Uint8Array> = []
    const decoder = new WasmZstd(module)
    decoder.write(fox, (chunk) => out.push(Uint8Array.from(chunk)))
    decoder.close()
    expect(Buffer.concat(out)).toEqual(foxes)
  })

  test("is not used again after an error, nor with more than 32 MiB of memory", () => {
    spent()
    expect(instances(Buffer.from("no frame at all"), fox)).toBe(2)
    spent()
    expect(instances(Buffer.concat([window(27), ...Array(8).fill(zeros)]), fox)).toBe(2)
  })

  test("has one stream at a time", () => {
    spent()
    const [one, other] = [new WasmZstd(module), new WasmZstd(module)]
    const out: Array<Uint8Array> = []
    for (let at = 0; at < fox.length; at += 7) {
      one.write(fox.subarray(at, at + 7), (chunk) => out.push(Uint8Array.from(chunk)))
      other.write(fox.subarray(at, at + 7), () => {})
    }
    one.close()
    other.close()
    expect(Buffer.concat(out)).toEqual(foxes)
  })
})

const root = mkdtempSync(join(tmpdir(), "ociflow-unzstd-"))
afterAll(() => rmSync(root, { recursive: true }))

it.live("a layer without end is left within a second, in the middle of its densest blocks", () =>
  ExtractionPool.use((pool) =>
    Effect.promise(async () => {
      const header = tar()
        .header({ name: "endless", size: 2 ** 32 })
        .bytes()
        .subarray(0, 512)
      // As much noise as keeps the ratio below its limit.
      const noise = raw(new Prng("ratio").bytes(150))
      const round = Buffer.concat(Array.from({ length: 100 }, () => [dense, noise]).flat())
      const endless = (gate: Gate) =>
        new Observable<Uint8Array>((subscriber) => {
          subscriber.next(Buffer.concat([begin(), raw(header)]))
          const more = setInterval(() => {
            if (gate.isOpen) subscriber.next(round)
          }, 1)
          return () => clearInterval(more)
        })
      const job = { diffId: `sha256:${"0".repeat(64)}`, mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" }
      const extract = (name: string, digest: string, size: number, source: Source) => {
        mkdirSync(join(root, name))
        return pool.extract$({ ...job, digest, size, directory: join(root, name) }, source)
      }
      await firstValueFrom(
        extract("endless", `sha256:${"1".repeat(64)}`, 2 ** 32, endless).pipe(
          filter((event) => event._tag === "LayerProgress" && event.inflated > 2 ** 24)
        )
      )
      const began = performance.now()
      await Effect.runPromise(pool.settled(join(root, "endless")))
      expect(performance.now() - began).toBeLessThan(1000)
    })
  ).pipe(Effect.provide(ExtractionPool.layer({ workers: 1 })))
)
