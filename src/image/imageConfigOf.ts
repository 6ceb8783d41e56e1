/** A config document, decoded for programs. */
import type { Healthcheck, HistoryEntry, ImageConfig } from "../api/results/ImageConfig.ts"
import type { ConfigJson, Execution, History } from "./ConfigJson.ts"

/** The fields that are told: neither missing nor empty. */
const told = <A extends Readonly<Record<string, string | number | undefined>>>(
  fields: A
): { readonly [K in keyof A]?: NonNullable<A[K]> } =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== "" && value !== 0)
  ) as { readonly [K in keyof A]?: NonNullable<A[K]> }

/** Own fields, whatever their names: an object has no setter that `__proto__` of a hostile config would call. */
const envOf = (entries: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    entries.flatMap((entry) => {
      const at = entry.indexOf("=")
      return at < 1 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const]
    })
  )

const millisOf = (nanos: number | undefined) => (nanos === undefined || nanos < 0 ? undefined : nanos / 1e6)

const healthcheckOf = ({ Test = [], ...check }: NonNullable<(typeof Execution.Type)["Healthcheck"]>): Healthcheck => ({
  test: Test,
  ...told({
    interval: millisOf(check.Interval),
    timeout: millisOf(check.Timeout),
    startPeriod: millisOf(check.StartPeriod),
    startInterval: millisOf(check.StartInterval),
    retries: check.Retries
  })
})

const historyOf = ({ created, created_by, author, comment, empty_layer }: typeof History.Type): HistoryEntry => ({
  ...told({ created, createdBy: created_by, author, comment }),
  emptyLayer: empty_layer === true
})

export const imageConfigOf = (document: ConfigJson): ImageConfig => {
  const { os, architecture, variant, created, author, config = {}, rootfs, history = [] } = document
  const { Env = [], Entrypoint = [], Cmd = [], ExposedPorts = {}, Volumes = {}, Labels = {}, Healthcheck } = config
  return {
    ...told({ os, architecture, variant, osVersion: document["os.version"], created, author }),
    ...told({ user: config.User, workingDir: config.WorkingDir, stopSignal: config.StopSignal }),
    env: envOf(Env),
    entrypoint: Entrypoint,
    cmd: Cmd,
    exposedPorts: Object.keys(ExposedPorts),
    volumes: Object.keys(Volumes),
    labels: Labels,
    ...(Healthcheck === undefined ? {} : { healthcheck: healthcheckOf(Healthcheck) }),
    history: history.map(historyOf),
    diffIds: rootfs.diff_ids
  }
}
