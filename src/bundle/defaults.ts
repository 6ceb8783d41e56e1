/** What a container is given that its image says nothing of: as `runc spec` and umoci write it, for root and rootless. */
import type { Mount, RuntimeSpec } from "./RuntimeSpec.ts"

export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const capabilitySet = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]

export const capabilities = { bounding: capabilitySet, effective: capabilitySet, permitted: capabilitySet }

const closed = ["nosuid", "noexec", "nodev"]

/** In a user namespace, group 5 is nobody's, sysfs cannot be mounted without a network namespace, and cgroups are not ours. */
export const mountsOf = (rootless: boolean): ReadonlyArray<Mount> => [
  { destination: "/proc", type: "proc", source: "proc" },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"]
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", ...(rootless ? [] : ["gid=5"])]
  },
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...closed, "mode=1777", "size=65536k"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: closed },
  rootless
    ? { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...closed, "ro"] }
    : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...closed, "ro"] },
  ...(rootless
    ? []
    : [
        {
          destination: "/sys/fs/cgroup",
          type: "cgroup",
          source: "cgroup",
          options: [...closed, "relatime", "ro"]
        }
      ])
]

/** Rootless, the network is the host's: a namespace of its own would have none. */
export const namespacesOf = (rootless: boolean): RuntimeSpec["linux"]["namespaces"] =>
  ["pid", ...(rootless ? [] : ["network"]), "ipc", "uts", "mount", "cgroup", ...(rootless ? ["user"] : [])].map(
    (type) => ({ type })
  )

export const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/devices/virtual/powercap",
  "/sys/firmware"
]

export const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
