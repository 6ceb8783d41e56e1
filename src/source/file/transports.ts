/** All kinds of files that hold images. A new one is a file of this folder and a row here. */
import type { FileFormat } from "./LocalImage.ts"

export interface TransportRow {
  /** Other prefixes for the same. */
  readonly aliases?: ReadonlyArray<string>
  /** Loaded with the first image of this kind. */
  readonly load: () => Promise<FileFormat>
}

/** The formats by the prefix of their references. */
export const transports = {
  oci: { aliases: ["oci-archive"], load: async () => (await import("./ociLayout.ts")).ociLayout },
  "docker-archive": { load: async () => (await import("./dockerArchive.ts")).dockerArchive }
} satisfies Readonly<Record<string, TransportRow>>

export type Transport = keyof typeof transports

const rows: ReadonlyArray<readonly [string, TransportRow]> = Object.entries(transports)

/** The name of each prefix, aliases included. A map, not an object: a prefix is whatever stands before a colon. */
const prefixes = new Map(rows.flatMap(([name, { aliases = [] }]) => [name, ...aliases].map((prefix) => [prefix, name])))

export const transportOf = (prefix: string) => prefixes.get(prefix) as Transport | undefined
