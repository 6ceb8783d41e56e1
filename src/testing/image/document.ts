/** Values as the documents a registry holds. */
import { digestOf } from "../Content.ts"
import type { TestDocument } from "./TestImage.ts"

export const documentOf = (mediaType: string, value: unknown): TestDocument => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { digest: digestOf(bytes), mediaType, bytes }
}

export const descriptorOf = ({ mediaType, digest, bytes }: TestDocument) => ({ mediaType, digest, size: bytes.length })
