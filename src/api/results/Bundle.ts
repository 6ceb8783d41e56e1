/** A bundle that was made: a directory that a runtime starts (OCI runtime-spec, bundle.md). All paths are absolute. */
export interface Bundle {
  /** The full form of the reference. */
  readonly reference: string
  readonly manifestDigest: string
  /** `os/architecture[/variant]` */
  readonly platform: string
  /** The bundle's directory. */
  readonly path: string
  /** Its root file system: `rootfs` in the directory. */
  readonly rootfs: string
  /** Its `config.json`. */
  readonly config: string
}
