/** A client on a fresh root that goes with the test, and fast retries: 1 ms instead of seconds. */
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { PullerOptions } from "../../src/api/config.ts"
import { type Client, open as openClient } from "../../src/client.ts"

export interface TestClient extends Client {
  readonly root: string
  /** Names of the published layers. */
  readonly layers: () => Promise<ReadonlyArray<string>>
}

/** Its path is not ASCII: to a file system a name is bytes. */
export const temporaryRoot = async (): Promise<{ readonly root: string } & AsyncDisposable> => {
  const root = await mkdtemp(join(tmpdir(), "ociflow-test-日ë-"))
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) }
}

export const open = async (options: PullerOptions = {}): Promise<TestClient> => {
  const home = await temporaryRoot()
  const root = options.root ?? home.root
  const client = await openClient({ retry: { base: 1, cap: 5 }, workers: 2, credentials: {}, ...options, root })
  return {
    ...client,
    root,
    layers: async () => {
      const names = await readdir(options.layersDir ?? join(root, "layers"), { recursive: false }).catch(() => [])
      return names.filter((name) => name.endsWith(".extracted")).sort()
    },
    async [Symbol.asyncDispose]() {
      await client.close()
      await home[Symbol.asyncDispose]()
    }
  }
}
