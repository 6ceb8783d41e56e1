import { codeOrMessage } from "../../api/codeOf.ts"
import { FileSystemFailed } from "../../api/errors.ts"
import { syncTree } from "../../fs/syncTree.ts"

/** A finished tree is on the disk, so that it outlives a power cut. Throws `FileSystemFailed`. */
export const reachDisk = (directory: string): void => {
  try {
    syncTree(directory)
  } catch (error) {
    throw new FileSystemFailed({ operation: "sync", path: directory, code: codeOrMessage(error) })
  }
}
