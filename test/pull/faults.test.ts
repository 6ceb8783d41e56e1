/** Every fault of the testing registry: the pull ends right, or with the error that names the fault; never with a wrong layer. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import { type FaultAction, type FaultMatch, fault, image, Prng, startRegistry } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"

const noise = new Prng("noise").bytes(300_000)
const layers = [{ files: { "noise.bin": noise } }]

interface Case {
  readonly on: FaultMatch
  readonly action: FaultAction
  /** The reason's tag; absent: the pull ends right. */
  readonly reason?: string
  readonly options?: PullerOptions
}

const once = { times: 1 }
const blob: FaultMatch = { kind: "blob", when: ({ path }) => !path.includes("config") }
const past = new Date(0)

const cases: Readonly<Record<string, Case>> = {
  "a 503 once": { on: { ...once }, action: fault.status(503) },
  "a 503 always": { on: {}, action: fault.status(503), reason: "RegistryError" },
  "a 500 on the manifest": { on: { kind: "manifest" }, action: fault.status(500), reason: "RegistryError" },
  "a 408 once on a blob": { on: { ...blob, ...once }, action: fault.status(408) },
  "a 429 once, with seconds": { on: { kind: "manifest", ...once }, action: fault.rateLimit(0) },
  "a 429 once, with a date": { on: { kind: "manifest", ...once }, action: fault.rateLimit(past) },
  "a 429 always": { on: { kind: "manifest" }, action: fault.rateLimit(0), reason: "RateLimited" },
  "a 403": { on: { kind: "manifest" }, action: fault.status(403, "DENIED", "no"), reason: "AccessDenied" },
  "a 404 on the manifest": {
    on: { kind: "manifest" },
    action: fault.status(404, "MANIFEST_UNKNOWN"),
    reason: "ManifestNotFound"
  },
  "a 404 on a blob": { on: { kind: "blob" }, action: fault.status(404, "BLOB_UNKNOWN"), reason: "BlobNotFound" },
  "a 418": { on: { kind: "manifest" }, action: fault.status(418), reason: "RegistryError" },
  "JSON that breaks off": { on: { kind: "manifest" }, action: fault.garbage(), reason: "DigestMismatch" },
  "a manifest with another byte, pinned by nothing": {
    on: { kind: "manifest" },
    action: fault.otherByte(5),
    reason: "DigestMismatch"
  },
  "a manifest that is too large": {
    on: { kind: "manifest" },
    action: fault.oversized(5_000_000),
    reason: "LimitExceeded"
  },
  "a flood of headers": {
    on: { kind: "manifest" },
    action: fault.headerFlood(100, 1000),
    reason: "RegistryUnreachable"
  },
  "a hang-up once": { on: once, action: fault.hangUp() },
  "hang-ups always": { on: {}, action: fault.hangUp(), reason: "RegistryUnreachable" },
  "a body that is cut once": { on: { ...blob, ...once }, action: fault.cut(1000) },
  "a body that is cut each time after some bytes": { on: blob, action: fault.cut(20_000) },
  "a body that is cut at once, always": { on: blob, action: fault.cut(0), reason: "BlobInterrupted" },
  "a body that stalls once": {
    on: { ...blob, ...once },
    action: fault.stall(1000),
    options: { timeouts: { idle: 150 } }
  },
  "a status that never comes": {
    on: { kind: "manifest" },
    action: fault.stall(-1),
    options: { timeouts: { headers: 100 }, retry: { times: 1, base: 1 } },
    reason: "RegistryUnreachable"
  },
  "a slow body": { on: blob, action: fault.slow({ latency: 30, bytesPerSecond: 3_000_000 }) },
  "another byte in a blob": { on: blob, action: fault.otherByte(150_000), reason: "DigestMismatch" },
  "a shorter blob": { on: blob, action: fault.shorter(10), reason: "SizeMismatch" },
  "a longer blob": { on: blob, action: fault.longer(10), reason: "SizeMismatch" },
  "a longer blob in chunks": { on: blob, action: fault.all(fault.longer(10), fault.chunked()), reason: "SizeMismatch" },
  "a blob in chunks": { on: blob, action: fault.chunked() },
  "a wrong digest header": {
    on: { kind: "manifest" },
    action: fault.digestHeader(`sha256:${"0".repeat(64)}`),
    reason: "DigestMismatch"
  },
  "a redirect to itself": { on: blob, action: fault.redirectLoop(), reason: "InvalidResponse" },
  "a redirect to another scheme": { on: blob, action: fault.redirect("file:///etc/passwd"), reason: "AddressRefused" }
}

/** The same, befalling only the continuation of a body that was cut. */
const continued: Readonly<Record<string, Omit<Case, "on">>> = {
  "a registry that ignores Range": { action: fault.ignoreRange() },
  "a Content-Range that starts elsewhere": { action: fault.contentRange("bytes 0-9/300000") },
  "a Content-Range that is nonsense": { action: fault.contentRange("lies") },
  "bytes from elsewhere, honestly named": { action: fault.shiftedRange(-7) },
  "a 416": { action: fault.status(416, "RANGE_INVALID"), reason: "RegistryError" }
}

const check = async (
  faults: ReadonlyArray<readonly [FaultMatch, FaultAction]>,
  { reason, options }: Omit<Case, "on" | "action">
) => {
  const made = await image({ layers })
  await using registry = await startRegistry({ images: { "app:1": made } })
  for (const [on, action] of faults) {
    const layer = made.manifests[0]?.layers[0]?.digest ?? ""
    registry.fault(on.kind === "blob" ? { ...on, reference: layer } : on, action)
  }
  await using oci = await open(options)
  const outcome = await oci.pull(registry.reference("app:1")).then(
    (pulled) => ({ pulled }),
    (error) => ({ error })
  )
  if ("pulled" in outcome) {
    expect(reason, "it was to fail").toBeUndefined()
    const written = await readFile(join(outcome.pulled.layers[0]?.path ?? "", "noise.bin"))
    expect(written.equals(noise)).toBe(true)
  } else {
    expect(outcome.error.reason?._tag ?? outcome.error, String(outcome.error)).toBe(reason)
    expect((await oci.layers()).filter((name) => name.endsWith(".extracted"))).toEqual([])
    expect(await oci.images()).toEqual([])
  }
}

for (const [name, { on, action, ...rest }] of Object.entries(cases)) {
  test(`${name}: ${rest.reason ?? "the pull ends right"}`, () => check([[on, action]], rest))
}
for (const [name, { action, ...rest }] of Object.entries(continued)) {
  test(`after a cut, ${name}: ${rest.reason ?? "the pull ends right"}`, () =>
    check(
      [
        [{ ...blob, times: 1 }, fault.cut(1000)],
        [{ ...blob, nth: 2 }, action]
      ],
      rest
    ))
}
