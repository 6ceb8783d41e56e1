/** The home directory of the user who runs the program: `HOME`, else what the system knows of the user. */
import { homedir } from "node:os"
import { join } from "node:path"

/** `undefined` for a user id that the system knows nothing of, where `HOME` is not set: OpenShift starts containers so. */
export const home = (): string | undefined => {
  try {
    return homedir() || undefined
  } catch {
    return undefined
  }
}

/** Paths beneath the home directory; empty if the user has no home directory. */
export const inHome = (...paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const directory = home()
  return directory === undefined ? [] : paths.map((path) => join(directory, path))
}
