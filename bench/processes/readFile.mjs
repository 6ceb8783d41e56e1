// Reads one file of an image in a process that has read one of another image before, plain JavaScript so that no loader is
// measured with it. One JSON argument in, one JSON line out: { tree, root, before, reference, path, call, counts } → { wall, sent,
// text }: milliseconds, bytes that the registry wrote meanwhile, and the file.
import { readFile } from "node:fs/promises"
import { performance } from "node:perf_hooks"
import { pathToFileURL } from "node:url"

const { tree, root, before, reference, path, call, counts } = JSON.parse(process.argv[2])
const written = async () => Number(/^wchar: (\d+)/m.exec(await readFile(counts, "utf8"))?.[1])

const { open } = await import(pathToFileURL(`${tree}/dist/index.js`).href)
const client = await open({ root })
await client.readFile(before.reference, before.path, call)
const already = await written()
const began = performance.now()
const text = await client.readFile(reference, path, { ...call, encoding: "utf8" })
const wall = performance.now() - began
const sent = (await written()) - already
await client.close()
console.log(JSON.stringify({ wall, sent, text }))
