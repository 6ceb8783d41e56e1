/** Sizes, times and speeds for people. */

/** Binary units: `0 B`, `999 B`, `1.50 KiB`, `12.03 MiB`. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`
  const power = Math.min(5, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(2)} ${["KiB", "MiB", "GiB", "TiB", "PiB"][power - 1]}`
}

/** Bytes a second: `0 B/s`, `1.50 MiB/s`. */
export const formatSpeed = (bytesPerSecond: number): string => `${formatBytes(Math.round(bytesPerSecond))}/s`

/** Formats milliseconds in the two largest units: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h`. */
export const formatDuration = (millis: number): string => {
  const seconds = Math.max(0, millis) / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const two = (size: number, unit: string, small: number, smallUnit: string) =>
    `${Math.floor(whole / size)} ${unit} ${String(Math.floor((whole % size) / small)).padStart(2, "0")} ${smallUnit}`
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return two(60, "min", 1, "s")
  return whole < 86_400 ? two(3600, "h", 60, "min") : two(86_400, "d", 3600, "h")
}
