/** A registry within this program, with images that are slow, cut off, refused for a while, private, and many. */
import { bigLayer, fault, type FaultAction, type FaultMatch, image, Prng, startRegistry } from "ociflow/testing"

const MiB = 2 ** 20

/** Bytes that do not compress, and are the same each time. */
const layer = (seed: string, size: number) =>
  bigLayer({ size, path: `srv/${seed}.bin`, chunk: new Prng(seed).bytes(2 ** 18), compression: "none" })
const files = (name: string) => ({
  files: { "etc/os-release": `NAME="${name}"\n`, "srv/motd": `Hello from ${name}.\n`, "usr/bin/app": "#!/bin/sh\n" }
})

const throttled =
  (bytesPerSecond: number): FaultAction =>
  (reply) => ({ ...reply, delivery: { ...reply.delivery, bytesPerSecond } })
const withQuota: FaultAction = (reply) => ({
  ...reply,
  headers: { ...reply.headers, "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600" }
})

export const many = 50

export const startDemoRegistry = async ({ port }: { readonly port?: number } = {}) => {
  const shared = await layer("shared", 8 * MiB)
  const images = {
    "fast:1": await image({ layers: [files("fast"), await layer("fast", MiB)] }),
    "slow:1": await image({ layers: [files("slow"), shared, await layer("slow", 4 * MiB)] }),
    "shared:1": await image({ layers: [files("shared"), shared] }),
    "cut:1": await image({ layers: [files("cut"), await layer("cut", 4 * MiB)] }),
    "limited:1": await image({ layers: [files("limited"), await layer("limited", MiB)] }),
    "private:1": await image({ layers: [files("private")] }),
    "layers:30": await image({
      layers: [files("layers"), ...(await Promise.all(Array.from({ length: 29 }, (_, n) => layer(`l${n}`, MiB / 4))))]
    })
  }
  const small = await Promise.all(
    Array.from({ length: many }, async (_, n) => {
      const made = await image({ layers: [files(`many ${n}`), await layer(`many${n}`, MiB / 4)] })
      return [`many:${n + 1}`, made] as const
    })
  )
  const registry = await startRegistry({
    images: { ...images, ...Object.fromEntries(small) },
    ...(port === undefined ? {} : { port })
  })
  const blobs = (repository: string) => ({ kind: "blob", repository }) as const
  const misbehave = () => {
    registry.fault(blobs("slow"), throttled(500_000))
    registry.fault(blobs("shared"), throttled(500_000))
    registry.fault(blobs("layers"), throttled(400_000))
    registry.fault(blobs("many"), throttled(400_000))
    const first: FaultMatch = { ...blobs("cut"), when: ({ range }) => range === undefined }
    registry.fault(first, fault.all(throttled(2_000_000), fault.cut(1_500_000)))
    // Where it goes on, it has to wait.
    const next: FaultMatch = { ...blobs("cut"), when: ({ range }) => range !== undefined, times: 1 }
    registry.fault(next, fault.rateLimit(8))
    registry.fault({ kind: "manifest", repository: "limited", times: 1 }, fault.rateLimit(10))
    registry.fault({ kind: "manifest", repository: "private" }, fault.status(403, "DENIED", "sign in first"))
    registry.fault({ kind: "manifest" }, withQuota)
  }
  misbehave()
  const names = Object.keys(images).map((name) => registry.reference(name))
  return {
    names,
    manyNames: small.map(([name]) => registry.reference(name)),
    misbehave,
    /** From now on requests are answered at once. */
    behave: () => registry.clearFaults(),
    close: () => registry.close()
  }
}
