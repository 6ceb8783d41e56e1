/**
 * What an image runs on: `os/architecture[/variant]`, with the names of Go's GOOS and GOARCH.
 *
 * Names are compared after normalizing, and a platform that was asked for accepts what its hardware can run, best
 * first, as containerd's matcher does: arm/v7 takes v7, v6, v5; arm64 takes arm64 and then 32-bit arm; amd64/v3 takes
 * v3, v2, v1 and then 386.
 */
import { endianness } from "node:os"
import * as Effect from "effect/Effect"
import { platformForm } from "../api/config.ts"
import { InvalidOption } from "../api/errors.ts"
import { withoutControls } from "../api/printable.ts"
import * as Shape from "./json/Shape.ts"

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly osVersion?: string
}

const Name = Shape.withDefault(Shape.String, "")

/** The platform of a descriptor. */
export const PlatformFields = Shape.Struct({
  os: Name,
  architecture: Name,
  variant: Shape.optionalKey(Shape.String),
  osVersion: Shape.fromKey("os.version", Shape.optionalKey(Shape.String))
})

/** Other names that the field uses. A map, not an object: the keys that are looked up come from a document. */
const architectures: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
  ["i386", ["386"]],
  ["i486", ["386"]],
  ["i586", ["386"]],
  ["i686", ["386"]],
  ["x86", ["386"]]
] satisfies ReadonlyArray<readonly [string, readonly [architecture: string, variant?: string]]>)

/** The variant that its architecture means when it names none is left out, except for arm, which needs one. */
const normalizeVariant = (architecture: string, variant: string): string => {
  const versioned = /^[0-9]/.test(variant) ? `v${variant}` : variant
  switch (architecture) {
    case "amd64":
      return versioned === "v1" ? "" : versioned
    case "arm64":
      return versioned === "v8" || versioned === "v8.0" ? "" : versioned === "v9.0" ? "v9" : versioned
    case "arm":
      return versioned === "" ? "v7" : versioned
    case "386":
      return ""
    default:
      return versioned
  }
}

/** One spelling for each platform. */
export const normalizePlatform = ({ os, architecture, variant, osVersion }: Platform): Platform => {
  const lower = architecture.toLowerCase()
  const [name, implied] = architectures.get(lower) ?? [lower]
  const chosen = normalizeVariant(name, (variant || implied || "").toLowerCase())
  return {
    os: os.toLowerCase() === "macos" ? "darwin" : os.toLowerCase(),
    architecture: name,
    ...(chosen === "" ? {} : { variant: chosen }),
    ...(osVersion === undefined || osVersion === "" ? {} : { osVersion })
  }
}

/** Versions of arm64 that run on the given one: v9.m includes v8.(m+5), and nothing lies above v8.9. */
const arm64Variants = (variant: string): ReadonlyArray<string> => {
  const [, major, minor = "0"] = /^v([89])(?:\.([0-9]))?$/.exec(variant) ?? []
  if (major === undefined) return [variant]
  const down = (family: string, from: number) =>
    Array.from({ length: from + 1 }, (_, n) => normalizeVariant("arm64", `v${family}.${from - n}`))
  return major === "8"
    ? down("8", Number(minor))
    : [...down("9", Number(minor)), ...down("8", Math.min(Number(minor) + 5, 9))]
}

const countDown = (variant: string, last: number): ReadonlyArray<string> => {
  const version = /^v([0-9])$/.exec(variant)?.[1]
  return version === undefined
    ? [variant]
    : Array.from({ length: Math.max(Number(version) - last + 1, 1) }, (_, n) => `v${Number(version) - n}`)
}

/** `architecture/variant` of all that a platform can run, the best first. */
const runnable = ({ architecture, variant = "" }: Platform): ReadonlyArray<string> => {
  const named = (name: string, variants: ReadonlyArray<string>) =>
    variants.map((each) => `${name}/${normalizeVariant(name, each)}`)
  switch (architecture) {
    case "amd64":
      return [...named("amd64", countDown(variant || "v1", 1)), "386/"]
    case "arm":
      return named("arm", countDown(variant, 5))
    case "arm64":
      return [...named("arm64", arm64Variants(variant || "v8")), ...named("arm", countDown("v8", 5))]
    default:
      return named(architecture, [variant])
  }
}

/** Windows images run on the build they were made for: `10.0.20348.1` and `10.0.20348.2` are one build. */
const build = (osVersion: string) => osVersion.split(".").slice(0, 3).join(".")

/** How well `offered` serves `wanted`: 0 is best, `undefined` is not at all. */
export const fitness = (wanted: Platform, offered: Platform): number | undefined => {
  const [want, offer] = [normalizePlatform(wanted), normalizePlatform(offered)]
  if (want.os !== offer.os) return undefined
  if (want.osVersion !== undefined && offer.osVersion !== undefined && build(want.osVersion) !== build(offer.osVersion))
    return undefined
  const rank = runnable(want).indexOf(`${offer.architecture}/${offer.variant ?? ""}`)
  return rank < 0 ? undefined : rank
}

/** `os/architecture[/variant]`, printable: the parts are a stranger's. */
export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  withoutControls(`${os}/${architecture}${variant === undefined ? "" : `/${variant}`}`)

export const parsePlatform = (text: string): Effect.Effect<Platform, InvalidOption> => {
  const { os, architecture, variant } = platformForm.exec(text.trim())?.groups ?? {}
  return text.length > 100 || os === undefined || architecture === undefined
    ? Effect.fail(new InvalidOption({ option: "platform", problem: "must be os/architecture[/variant]" }))
    : Effect.succeed(normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }))
}

/** Node's names that differ from Go's. */
const hostArchitectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", mipsel: "mipsle" }

/** The platform of this machine. macOS and Windows run images in a Linux machine of their own, so there it is `linux`. */
export const hostPlatform = (platform: string = process.platform, arch: string = process.arch): Platform => {
  const architecture = arch === "ppc64" && endianness() === "LE" ? "ppc64le" : (hostArchitectures[arch] ?? arch)
  const version: unknown = Reflect.get(process.config.variables, "arm_version")
  return normalizePlatform({
    os: platform === "darwin" || platform === "win32" ? "linux" : platform,
    architecture,
    ...(arch === "arm" && version !== undefined ? { variant: `v${String(version)}` } : {})
  })
}
