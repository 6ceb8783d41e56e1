/** The system that ociflow re-creates, as a program: `SEED_RUST` names it, called as `BIN http://host image tag out`. */
import { access, constants } from "node:fs/promises"
import type { Peer } from "./Peer.ts"

const binary = process.env["SEED_RUST"]

export const seedRust: Peer = {
  name: "seed-rust",
  how: "Rust: download, read again and hash, extract each layer on a thread, write the xattr; no diffID, no catalogue",
  version: async () =>
    binary === undefined
      ? undefined
      : access(binary, constants.X_OK).then(
          () => "1.0",
          () => undefined
        ),
  zstd: false,
  command: ({ registry, image, out }) => ({ argv: [binary ?? "", `http://${registry}`, image, "latest", out] })
}
