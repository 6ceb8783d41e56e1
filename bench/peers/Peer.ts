/** A way to get an image onto a disk: a command from an empty destination to extracted layers, or to one file. */
import type { Command } from "../measure/Command.ts"
import type { LayerOf } from "../measure/LocalRegistry.ts"

export interface Job {
  /** `127.0.0.1:port`, plain HTTP. */
  readonly registry: string
  readonly image: string
  readonly layers: ReadonlyArray<LayerOf>
  /** Does not exist yet; everything goes under it. */
  readonly out: string
}

/** What is there before the clock starts. A server that does the work of its client has its costs added to the client's. */
export interface Prepared extends AsyncDisposable {
  readonly usage?: () => Promise<{ readonly user: number; readonly system: number; readonly peak: number }>
}

export interface Peer {
  readonly name: string
  /** What it does where the name does not say it. */
  readonly how: string
  /** Undefined where it is not on this machine. */
  readonly version: () => Promise<string | undefined>
  readonly zstd: boolean
  /** What comes of it: directories, or one file. Default: `directories`. */
  readonly kind?: "directories" | "file"
  readonly command: (job: Job) => Command
  readonly prepare?: (job: Job) => Promise<Prepared>
}
