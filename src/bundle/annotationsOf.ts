/** An image's labels and the rest of its config that only annotations have room for (image-spec, conversion.md). */
import type { ImageConfig } from "../api/results/ImageConfig.ts"

/**
 * Annotations that a runtime obeys: by them, crun runs other handlers and opens files, runc sets properties of systemd's units, CRIU reads
 * a config of the host, and Kata and gVisor set up their sandboxes. That is not for an image to decide.
 */
const obeyed =
  /^(?:run\.oci\.|krun\.|module\.wasm\.image\/|org\.systemd\.property\.|org\.criu\.|io\.katacontainers\.|dev\.gvisor\.|io\.kubernetes\.cri|io\.containerd\.)/

export interface Annotations {
  readonly kept: Readonly<Record<string, string>>
  /** Names of labels that are left out. */
  readonly dropped: ReadonlyArray<string>
}

export const annotationsOf = (config: ImageConfig): Annotations => {
  const { os, architecture, variant, osVersion, author, created, stopSignal, exposedPorts, labels } = config
  const implicit: Readonly<Record<string, string | undefined>> = {
    os,
    architecture,
    variant,
    "os.version": osVersion,
    author,
    created,
    stopSignal,
    exposedPorts: exposedPorts.length === 0 ? undefined : exposedPorts.join(",")
  }
  const told = Object.entries(implicit).flatMap(([name, value]) =>
    value === undefined ? [] : [[`org.opencontainers.image.${name}`, value] as const]
  )
  // An annotation has a name.
  const said = Object.entries(labels).filter(([name]) => name !== "")
  // A label of the same name wins.
  const kept = Object.fromEntries([...told, ...said.filter(([name]) => !obeyed.test(name))])
  return { kept, dropped: said.flatMap(([name]) => (obeyed.test(name) ? [name] : [])) }
}
