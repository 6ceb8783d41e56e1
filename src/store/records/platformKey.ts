/**
 * A platform as text, `os/architecture[/variant]`, for comparisons. Equivalent spellings become one, as in containerd:
 * arm64 is v8, amd64 is v1, and arm without a variant is v7.
 */
import type { RecordedPlatform } from "./ImageRecord.ts"

export const platformText = ({ os, architecture, variant }: RecordedPlatform): string =>
  variant === undefined || variant === "" ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`

export const platformKey = (platform: RecordedPlatform): string => {
  const { os, architecture, variant = "" } = platform
  if ((architecture === "arm64" && variant === "v8") || (architecture === "amd64" && variant === "v1")) {
    return platformText({ os, architecture })
  }
  if (architecture === "arm" && variant === "") return platformText({ os, architecture, variant: "v7" })
  return platformText(platform)
}
