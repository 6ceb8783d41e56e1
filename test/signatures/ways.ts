/** The outlets of a client, each of which checks signatures. */
import { join } from "node:path"
import { lastValueFrom, toArray } from "rxjs"
import type { Client } from "../../src/client.ts"
import { temporaryRoot } from "../support/open.ts"
import { platform, single } from "./support.ts"

const layer = single.manifests[0]?.layers[0]?.digest ?? ""

export const all = async <A>(values: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  for await (const value of values) found.push(value)
  return found
}

/** Whatever gives bytes of an image: of `single`, or of an index with it. */
export const ways: Readonly<Record<string, (oci: Client, reference: string) => Promise<unknown>>> = {
  pull: (oci, reference) => oci.pull(reference, { platform }),
  pull$: (oci, reference) => lastValueFrom(oci.pull$(reference, { platform })),
  entries$: (oci, reference) => lastValueFrom(oci.entries$(reference, { platform }).pipe(toArray())),
  entries: async (oci, reference) => all(oci.entries(reference, { platform })),
  tree$: (oci, reference) => lastValueFrom(oci.tree$(reference, { platform }).pipe(toArray())),
  readFile: (oci, reference) => oci.readFile(reference, "etc/motd", { platform }),
  list: (oci, reference) => oci.list(reference, "etc", { platform }),
  config: (oci, reference) => oci.config(reference, { platform }),
  "export as a tar": async (oci, reference) => all(oci.export(reference, { platform })),
  "export as an archive": async (oci, reference) => all(oci.export(reference, { platform, format: "oci-archive" })),
  bundle: async (oci, reference) => {
    await using home = await temporaryRoot()
    return await oci.bundle(reference, join(home.root, "bundle"), { platform, rootless: true })
  },
  artifact: (oci, reference) => oci.artifact(reference, { platform }),
  blob$: (oci, reference) => lastValueFrom(oci.blob$(reference, layer).pipe(toArray())),
  blob: async (oci, reference) => all(oci.blob(reference, layer))
}
