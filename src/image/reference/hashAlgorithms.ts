/** The algorithms that the image-spec registers, with the length of their hash in hex digits. Alone, since workers load it. */
export const hashAlgorithms: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128]
])
