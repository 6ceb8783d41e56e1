/** A container's `config.json` (OCI runtime-spec 1.0.2, config.md and config-linux.md), as far as it is written here. */

export interface Mount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options?: ReadonlyArray<string>
}

export interface ProcessUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids?: ReadonlyArray<number>
}

export interface IdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process: {
    readonly terminal: boolean
    readonly user: ProcessUser
    readonly args: ReadonlyArray<string>
    readonly env: ReadonlyArray<string>
    readonly cwd: string
    readonly capabilities: Readonly<Record<"bounding" | "effective" | "permitted", ReadonlyArray<string>>>
    readonly rlimits: ReadonlyArray<{ readonly type: string; readonly hard: number; readonly soft: number }>
    readonly noNewPrivileges: boolean
  }
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly hostname: string
  readonly mounts: ReadonlyArray<Mount>
  readonly annotations?: Readonly<Record<string, string>>
  readonly linux: {
    readonly uidMappings?: ReadonlyArray<IdMapping>
    readonly gidMappings?: ReadonlyArray<IdMapping>
    readonly resources?: { readonly devices: ReadonlyArray<{ readonly allow: boolean; readonly access: string }> }
    readonly namespaces: ReadonlyArray<{ readonly type: string }>
    readonly maskedPaths: ReadonlyArray<string>
    readonly readonlyPaths: ReadonlyArray<string>
  }
}
