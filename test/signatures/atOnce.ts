/** A registry that waits in the midst of an answer, so that what a test means to be at once is. */
import { type Content, type FaultAction, type SigningKey, sign, startRegistry } from "../../src/testing/index.ts"
import { index, put, single } from "./support.ts"

export const layer = single.manifests[0]?.layers[0]?.digest ?? ""
export const tag = `${index.digest.replace(":", "-")}.sig`

/** Bodies wait for something, of which each that is asked for is told. */
export const heldBy =
  (gate: Promise<unknown>, asked: () => void = () => {}): FaultAction =>
  (was) => {
    asked()
    const body: Content = {
      size: was.body.size,
      async *read(start, end) {
        await gate
        yield* was.body.read(start, end)
      }
    }
    return { ...was, body }
  }

export const signal = () => {
  let resolve = () => {}
  const promise = new Promise<void>((it) => {
    resolve = it
  })
  return { promise, resolve }
}

export const signed = async (key: SigningKey) => {
  const registry = await startRegistry({ images: { "app:1": index, "other:1": index } })
  put(registry, "app", await sign(index, { key }))
  put(registry, "other", await sign(index, { key }))
  return registry
}
