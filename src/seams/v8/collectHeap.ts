/**
 * Each read of a socket is a buffer of its own, 64 KiB, and garbage as soon as it is handed on. V8 collects them when twice
 * its largest young generation has come together, 32 MB, and by then each was memory touched for the first time.
 */
import { getHeapStatistics } from "node:v8"

/** Bytes between two collections: as they arrive, and again where they are copied; and of the views that they are handed over in. */
const interval = 8 * 2 ** 20

/** Bytes of a view in the heap: where little is read at once, they are most of what is collected. */
const viewBytes = 200

let arrived = 0

/**
 * Counts what arrived, over all connections of this thread, and has the young generation collected now and then: some 2 ms.
 * In a process that exposes V8's collector as `gc`, by `node --expose-gc`, at each interval; the command line does. In others when V8
 * finds that it should.
 */
export const countRead = (bytes: number): void => {
  arrived += bytes + viewBytes
  if (arrived < interval) return
  arrived = 0
  if (globalThis.gc !== undefined) collectYoung()
  // V8 looks at what buffers hold when it allocates one: not when they come from another thread.
  else new ArrayBuffer(1)
}

/** Bytes of what is made of an entry while layers are merged, or a tree is planned, and is garbage by the next one. */
const entryBytes = 2048

/** Counts entries, as `countRead` counts bytes: where there are many, the young generation would grow to all that it may be. */
export const countEntries = (entries: number): void => countRead(entries * entryBytes)

/** Bytes of a heap that is collected as a whole within a tenth of a second. */
const smallHeap = 128 * 2 ** 20

/** The whole heap, where the process exposes its collector and the heap is small. */
export const collectHeap = (): void => {
  if (globalThis.gc === undefined || getHeapStatistics().used_heap_size > smallHeap) return
  void globalThis.gc({ type: "major", execution: "async" })
}

/** Bytes of buffers, beyond the fewest seen since the last collection, that a collection of the young generation leaves. */
const mostOutside = 16 * 2 ** 20
let leastOutside = Number.POSITIVE_INFINITY

/**
 * In a chain of objects, such as a loop of promises, one that has become old keeps all later ones and their buffers. Collections of
 * the young generation do not free them.
 */
const collectYoung = (): void => {
  void globalThis.gc?.({ type: "minor", execution: "sync" })
  const outside = getHeapStatistics().external_memory
  leastOutside = Math.min(leastOutside, outside)
  if (outside - leastOutside < mostOutside) return
  leastOutside = Number.POSITIVE_INFINITY
  collectHeap()
}

/** The heap is collected when it has grown by this factor. Garbage of the young generation alone makes it grow by about an eighth. */
const growth = 1.25

/** Calls between two collections at least: what other code of the process leaves behind makes the heap grow as well. */
const leastCalls = 8

/** The smallest heap seen since the last collection. Bytes. */
let least = Number.POSITIVE_INFINITY
let calls = 0

/**
 * To be called for each layer, or job. What one of them leaves behind is little, but of hundreds V8 would let the old part of the heap
 * double before it collects it. Most images have too few.
 */
export const collectIfGrown = (): void => {
  calls += 1
  if (globalThis.gc === undefined) return
  const used = getHeapStatistics().used_heap_size
  least = Math.min(least, used)
  if (used < least * growth || calls < leastCalls) return
  least = Number.POSITIVE_INFINITY
  calls = 0
  collectHeap()
}
