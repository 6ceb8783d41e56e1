import { printable } from "../../api/errors.ts"

/** `algorithm:` and twelve characters of hex tell blobs apart. */
export const namedDigest = (digest: string): string => printable(digest.replace(/(:.{12}).*$/s, "$1"))
