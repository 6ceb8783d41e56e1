/** Bytes for people, in binary units: `0 B`, `999 B`, `1.50 KiB`, `12.03 MiB`. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1024) return `${bytes} B`
  const power = Math.min(5, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(2)} ${["KiB", "MiB", "GiB", "TiB", "PiB"][power - 1]}`
}
