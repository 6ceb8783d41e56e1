/**
 * A bundle of an image (OCI runtime-spec, bundle.md): `config.json` beside `rootfs`. The tree is read where every outlet reads it, in the
 * store or from the source, and written by the workers.
 *
 *     image ─ config ▸ checked ─ rootfs ▸ written ─ /etc/passwd ▸ user ─ config.json ─ rename
 */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BundleOptions, Limits } from "../api/config.ts"
import { isReason, printable, type Reason } from "../api/errors.ts"
import type { Bundle } from "../api/results/Bundle.ts"
import { syscall } from "../fs/syscall.ts"
import { syncFile } from "../fs/writeAtomic.ts"
import { imageConfigOf } from "../image/imageConfigOf.ts"
import { formatPlatform } from "../image/Platform.ts"
import type { Extraction } from "../layer/ExtractionOptions.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { emit } from "../pull/events/PullEvents.ts"
import type { Services } from "../pull/services.ts"
import { type OpenImage, openImage } from "../read/tree/openImage.ts"
import { annotationsOf } from "./annotationsOf.ts"
import { readUser } from "./readUser.ts"
import { type Conversion, runtimeSpecOf } from "./runtimeSpecOf.ts"
import { stageBundle } from "./stageBundle.ts"
import { writeRootfs } from "./writeRootfs.ts"

/** The options of the client that a bundle needs. */
export interface BundleSetup {
  readonly limits: Limits
  readonly extraction: Extraction
  /** The bundle is on the disk before the call ends. */
  readonly lasting: boolean
}

const aboutOf = (opened: OpenImage) => {
  if (opened._tag === "Stored") {
    const { reference, manifestDigest, configDigest, platform, config } = opened.image
    return { reference, manifestDigest, configDigest, platform, config }
  }
  const { source, image } = opened
  return {
    reference: source.name,
    manifestDigest: image.manifest.descriptor.digest,
    configDigest: image.config.descriptor.digest,
    platform: formatPlatform(image.platform),
    config: imageConfigOf(image.config.value)
  }
}

const converted = (conversion: Conversion) =>
  Effect.try({ try: () => runtimeSpecOf(conversion), catch: (error) => error }).pipe(
    Effect.catch((error) => (isReason(error) ? Effect.fail(error) : Effect.die(error)))
  )

const warnOfLabels = (dropped: ReadonlyArray<string>) => {
  const names = dropped.slice(0, 5).map((name) => printable(name, 80))
  const more = dropped.length > names.length ? `, and ${dropped.length - names.length} more` : ""
  const message = `labels that a runtime would obey are left out of the bundle: ${names.join(", ")}${more}`
  return dropped.length === 0 ? Effect.void : emit({ _tag: "Warning", code: "AnnotationsDropped", message })
}

export const bundleOf = Effect.fn("ociflow.bundle")(function* (
  reference: string,
  path: string,
  { rootless = process.geteuid?.() !== 0, user, platform, policy, input, ...options }: BundleOptions,
  { limits, extraction: ours, lasting }: BundleSetup
): Effect.fn.Return<Bundle, Reason, Services | Scope.Scope> {
  const opened = yield* openImage(reference, { platform, policy, input })
  const { config, configDigest, ...about } = aboutOf(opened)
  const { kept, dropped } = annotationsOf(config)
  const starter = rootless ? { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 } : undefined
  const conversion = { config, digest: configDigest, annotations: kept, options, starter }
  // What cannot be started is told before anything is written.
  yield* converted({ ...conversion, user: { uid: 0, gid: 0 } })
  yield* warnOfLabels(dropped)

  const { target, staging, publish } = yield* stageBundle(path)
  const rootfs = join(staging, "rootfs")
  yield* syscall("mkdir", rootfs, () => mkdir(rootfs))
  const pool = yield* ExtractionPool
  yield* Effect.addFinalizer(() => pool.settled(rootfs))
  const owners = rootless ? (ours.ownership === "xattr" ? "xattr" : "none") : "chown"
  const extraction: Extraction = { ...ours, layout: "rootfs", ownership: owners }
  yield* writeRootfs(opened, { rootfs, published: join(target, "rootfs"), extraction, limits })

  const who = yield* readUser(user ?? config.user ?? "", { rootfs, extraction, limits, digest: about.manifestDigest })
  const spec = yield* converted({ ...conversion, user: who })
  const file = join(staging, "config.json")
  const text = `${JSON.stringify(spec, null, 2)}\n`
  yield* syscall("write", file, () => writeFile(file, text, { flag: "wx", mode: 0o644 }))
  if (lasting) yield* syncFile(file)
  yield* publish(lasting)
  return { ...about, path: target, rootfs: join(target, "rootfs"), config: join(target, "config.json") }
}, Effect.scoped)
