/** The platform of this machine. */
import { endianness } from "node:os"
import { normalizePlatform, type Platform } from "./Platform.ts"

const names: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", mipsel: "mipsle" }

/** macOS and Windows run images in a Linux machine of their own, so there it is `linux`. */
export const hostPlatform = (platform: string = process.platform, arch: string = process.arch): Platform => {
  const architecture = arch === "ppc64" && endianness() === "LE" ? "ppc64le" : (names[arch] ?? arch)
  const version: unknown = Reflect.get(process.config.variables, "arm_version")
  return normalizePlatform({
    os: platform === "darwin" || platform === "win32" ? "linux" : platform,
    architecture,
    ...(arch === "arm" && version !== undefined ? { variant: `v${String(version)}` } : {})
  })
}
