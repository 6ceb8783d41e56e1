/** Reading the headers of an answer. */
import { printable } from "../../api/errors.ts"
import type { Response } from "../connection/exchange.ts"

export type Headers = Response["headers"]

/** A header that may stand once; of several the first counts. */
export const headerOf = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : value?.[0]
}

/**
 * A header's address as it can be parsed. Bytes beyond ASCII come as characters of Latin-1; they are escaped one by one, as
 * they are, since a signature may be of them.
 */
export const addressOfHeader = (text: string): string =>
  text.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)

/** A header's text, which is UTF-8 where its bytes make sense so. */
export const textOfHeader = (text: string): string => {
  const decoded = Buffer.from(text, "latin1").toString()
  return decoded.includes("\ufffd") ? text : decoded
}

/** `Content-Length` in bytes, where it is there and makes sense. */
export const contentLength = (headers: Headers): number | undefined => {
  const text = headerOf(headers, "content-length")?.trim()
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined
}

/** `Content-Encoding`, in lower case and fit to be shown; `undefined` where the body is as it is. */
export const encodingOf = (headers: Headers): string | undefined => {
  const text = printable((headerOf(headers, "content-encoding") ?? "").trim().toLowerCase(), 40)
  return text === "" || text === "identity" ? undefined : text
}

export interface ContentRange {
  readonly first: number
  /** Bytes of the whole, where the server knows. */
  readonly total: number | undefined
}

/** `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4). */
export const contentRange = (headers: Headers): ContentRange | undefined => {
  const text = headerOf(headers, "content-range") ?? ""
  const [, first, last, total] = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/(?:([0-9]{1,15})|\*)$/i.exec(text.trim()) ?? []
  if (first === undefined || Number(first) > Number(last)) return undefined
  return { first: Number(first), total: total === undefined ? undefined : Number(total) }
}

/** The answer holds what was asked for, by whatever way it came (RFC 9110, section 15.3): all else is proven by its bytes. */
export const holdsDocument = (status: number): boolean => status >= 200 && status <= 203
