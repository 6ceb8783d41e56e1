import * as Context from "effect/Context"

/** Whether warnings are logged. Default: yes. Those who show every event themselves do not want them twice. */
export const LogWarnings = Context.Reference<boolean>("ociflow/LogWarnings", { defaultValue: () => true })
