import type { MessagePort } from "node:worker_threads"

interface Closable {
  readonly close?: () => void
}

/** Lets a worker end once it has nothing left to do. Deno's `parentPort` cannot be closed, its thread's global scope can. */
export const endThread = (port: MessagePort): void => {
  const places: ReadonlyArray<Closable> = [port as Closable, globalThis as Closable]
  places.find(({ close }) => close !== undefined)?.close?.()
}
