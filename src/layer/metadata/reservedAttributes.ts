/** Attributes that are not an image's to set, wherever its files go. */

/** Names that mean something to who reads the tree later: an image may not speak in our place. */
const reserved =
  /^(?:user\.containers\.override_stat|user\.rootlesscontainers|(?:trusted|user)\.overlay\.|(?:security|trusted|user)\.fuseoverlayfs\.)/

/** `security.selinux` belongs to the host's policy, even if root writes it. */
const hostOnly = new Set(["security.selinux", "security.ima", "security.evm"])

export const isReserved = (name: string): boolean => reserved.test(name)

export const isHostOnly = (name: string): boolean => hostOnly.has(name)
