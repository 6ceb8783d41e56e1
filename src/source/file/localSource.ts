/** An image in a layout or an archive, as a source: the same documents in the same order, proven the same way. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { concatMap, throwError } from "rxjs"
import type { Limits } from "../../api/config.ts"
import { BlobNotFound, InvalidOption, ManifestNotFound, type Reason, SizeMismatch } from "../../api/errors.ts"
import { loadModule } from "../../fs/loadModule.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { parse } from "../../image/reference/Reference.ts"
import type { Lift } from "../../reactive/bridge.ts"
import {
  checkDescriptor,
  type DocumentRequest,
  type IndexOrManifest,
  readConfig,
  readManifest
} from "../../registry/documents.ts"
import { type DocumentSource, resolve } from "../../registry/resolve.ts"
import { documentOf } from "../container/Container.ts"
import { type OpenOptions, openContainer } from "../container/openContainer.ts"
import type { ImageSource } from "../ImageSource.ts"
import { digestOfRoot, type LocalImage } from "./LocalImage.ts"
import { formatLocal, type LocalReference, standardInput } from "./LocalReference.ts"
import { transports } from "./transports.ts"

export interface LocalOptions extends OpenOptions {
  /** Called so in place of by where it is. */
  readonly name?: string | undefined
  readonly lift: Lift
}

const formatOf = ({ transport }: LocalReference) => loadModule("the file source", () => transports[transport].load())

const documentsOf = (image: LocalImage, url: string, limits: Limits) => {
  const limit = limits.documentBytes
  const manifest = Effect.fnUntraced(function* (wanted: LocalImage["root"]): Effect.fn.Return<IndexOrManifest, Reason> {
    const digest = wanted._tag === "Pin" ? wanted.digest : wanted.descriptor.digest
    if (wanted._tag === "Entry") yield* checkDescriptor(wanted.descriptor, "manifest", limit)
    const part = yield* image.part(digest)
    if (part === undefined) return yield* new ManifestNotFound({ url, detail: `there is no blob ${digest}` })
    if (wanted._tag === "Entry" && part.size !== wanted.descriptor.size)
      return yield* new SizeMismatch({ subject: "manifest", expected: wanted.descriptor.size, actual: part.size })
    const bytes = yield* documentOf(part, "manifest", limit)
    const entry = wanted._tag === "Entry" ? { entry: wanted.descriptor.mediaType } : {}
    return yield* readManifest(bytes, { expected: digest, source: url, served: "", ...entry }, limits)
  })
  const config: DocumentSource["config"] = Effect.fnUntraced(function* (descriptor) {
    const { digest, size } = descriptor
    yield* checkDescriptor(descriptor, "config", limit)
    const part = yield* image.part(digest)
    if (part === undefined) return yield* new BlobNotFound({ url, digest })
    if (part.size !== size) return yield* new SizeMismatch({ subject: "config", expected: size, actual: part.size })
    return yield* readConfig(yield* documentOf(part, "config", limit), descriptor, limits)
  })
  return { manifest, config }
}

/** Fails if a name has another digest than the image. An image is found again by the digest in its name. */
const checkName = Effect.fnUntraced(function* (name: string | undefined, root: Digest) {
  const digest = name === undefined ? undefined : (yield* Effect.orDie(parse(name))).digest
  if (digest === undefined || digest === root) return
  const problem = `names the image ${digest}, and the file has the image ${root}`
  return yield* new InvalidOption({ option: "name", problem })
})

/** Each opening has a number of its own: the path may lead to another file by then. */
let opened = 0

export const openLocal = Effect.fnUntraced(function* (
  asked: LocalReference,
  options: LocalOptions
): Effect.fn.Return<ImageSource, Reason, Scope.Scope> {
  const { limits, lift } = options
  const url = formatLocal(asked)
  const format = yield* formatOf(asked)
  const container = yield* openContainer(asked, format.takesDirectory, options)
  const image = yield* format.open(container, { ...asked, url }, limits)
  const root = digestOfRoot(image)
  yield* checkName(options.name, root)
  const { manifest, config } = documentsOf(image, url, limits)
  // What comes by the standard input comes once: by its digest it is known again.
  const itself =
    asked.path === standardInput ? formatLocal({ transport: asked.transport, path: asked.path, digest: root }) : url
  const source: DocumentSource = {
    manifest: (wanted: DocumentRequest) =>
      wanted._tag === "Tag" ? Effect.die(new Error("a file is not asked for tags")) : manifest(wanted),
    config
  }
  return {
    name: options.name ?? itself,
    inputs: `${url} ${++opened}`,
    place: "",
    isRemote: false,
    resolve: (wanted, emit) => resolve({ source, root: image.root, wanted, emit, blobBytes: limits.blobBytes }),
    digest: () => Effect.succeed(root),
    root: image.root,
    documents: () => source,
    blob$: ({ digest, size }, gate, { offset = 0 }) =>
      lift(image.part(digest)).pipe(
        concatMap((part) => {
          if (part === undefined) return throwError(() => new BlobNotFound({ url, digest }))
          if (part.size !== size || offset > size)
            return throwError(() => new SizeMismatch({ subject: "blob", expected: size, actual: part.size }))
          return part.bytes$(gate, offset, size)
        })
      ),
    blobSize: Effect.fnUntraced(function* (digest) {
      return (yield* image.part(digest))?.size ?? (yield* new BlobNotFound({ url, digest }))
    }),
    reportMismatch: () => Effect.succeed(false)
  }
})

/** Names of the images in a file. */
export const namesIn = Effect.fnUntraced(function* (
  asked: LocalReference,
  options: OpenOptions
): Effect.fn.Return<ReadonlyArray<string>, Reason, Scope.Scope> {
  const format = yield* formatOf(asked)
  const container = yield* openContainer(asked, format.takesDirectory, options)
  return yield* format.names(container, options.limits)
})
