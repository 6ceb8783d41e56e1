/**
 * What a media type says of its content (RFC 6838, section 4.2.8; image-spec, media-types.md). Alone, since the event loop asks
 * too, which loads no decoder. How the bytes are compressed, they tell themselves.
 */

/** The media types of the decoders that there are. `compressions` has the same. */
const compressed = /[+.](?:gzip|zstd)$/

const withoutParameters = (mediaType: string) => (mediaType.split(";", 1)[0] ?? "").trim().toLowerCase()

/** It should be compressed. */
export const isCompressed = (mediaType: string): boolean => compressed.test(withoutParameters(mediaType))

/** `…tar`, `…+tar`, `…-tar`, plain or compressed: `…tar+gzip`, and Docker's `…tar.gzip`. */
export const isTar = (mediaType: string): boolean =>
  /[./+-]tar$/.test(withoutParameters(mediaType).replace(compressed, ""))

/** What can be tried as a layer: a tar, or what a suffix says is compressed: `application/vnd.example.layer+gzip`. */
export const isReadable = (mediaType: string): boolean => isTar(mediaType) || isCompressed(mediaType)
