/** The reference decoder in WebAssembly, for a Node without one of its own. */
import { outputBytes, sliceBytes } from "../../seams/inflater.ts"
import { type Exports, instantiateZstd, type Module } from "../../seams/zstdModule.ts"

/** zstd's errors are the last 120 numbers (`zstd_errors.h`). */
const firstError = 2 ** 32 - 120

/** Bytes of an instance's memory above which it is not kept: a window of 8 MiB, which `zstd -19` asks for, and what goes with it. */
const keptBytes = 2 ** 25

/**
 * The instance of this thread that no stream has now. Each instance costs 17 MB before its first byte, until V8 collects.
 * One that met an error is never here: what a hostile stream did to its memory ends with the stream.
 */
let idle: Exports | undefined

const instantiate = (module: Module): Exports => {
  const kept = idle
  idle = undefined
  if (kept !== undefined) return kept
  return instantiateZstd(module)
}

/** The decoder of one stream. What it holds, the window too, is its instance's memory. */
export class WasmZstd {
  readonly #zstd: Exports
  readonly #context: number
  /** A `ZSTD_outBuffer` and a `ZSTD_inBuffer`: pointer, size, position. */
  readonly #output: number
  readonly #input: number
  readonly #from: number
  readonly #to: number
  #isSound = true

  constructor(module: Module) {
    const zstd = instantiate(module)
    this.#zstd = zstd
    this.#context = zstd.ZSTD_createDCtx()
    this.#output = zstd.malloc(24)
    this.#input = this.#output + 12
    this.#from = zstd.malloc(sliceBytes)
    this.#to = zstd.malloc(outputBytes)
  }

  /** Takes `sliceBytes` at most. The chunks are views that are valid while they are handed on. */
  write(bytes: Uint8Array, next: (chunk: Uint8Array) => void): void {
    const zstd = this.#zstd
    new Uint8Array(zstd.memory.buffer, this.#from, sliceBytes).set(bytes)
    this.#set(this.#input, this.#from, bytes.length)
    for (let full = true, taken = 0; full || taken < bytes.length; ) {
      this.#set(this.#output, this.#to, outputBytes)
      this.#isSound = false
      const code = zstd.ZSTD_decompressStream(this.#context, this.#output, this.#input) >>> 0
      if (code > firstError) throw new Error(`the decoder's error ${2 ** 32 - code}`)
      this.#isSound = true
      // Anew each time: memory that grows is another buffer.
      const { buffer } = zstd.memory
      const view = new DataView(buffer)
      taken = view.getUint32(this.#input + 8, true)
      const made = view.getUint32(this.#output + 8, true)
      full = made === outputBytes
      if (made > 0) next(new Uint8Array(buffer, this.#to, made))
    }
  }

  /** Gives the instance to the thread's next stream. To be called once, as the last thing. */
  close(): void {
    const zstd = this.#zstd
    if (!this.#isSound || zstd.memory.buffer.byteLength > keptBytes) return
    zstd.ZSTD_freeDCtx(this.#context)
    for (const pointer of [this.#output, this.#from, this.#to]) zstd.free(pointer)
    idle = zstd
  }

  #set(struct: number, pointer: number, size: number): void {
    const view = new DataView(this.#zstd.memory.buffer)
    view.setUint32(struct, pointer, true)
    view.setUint32(struct + 4, size, true)
    view.setUint32(struct + 8, 0, true)
  }
}
