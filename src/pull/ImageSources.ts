import * as Context from "effect/Context"
import type { Opening } from "../source/Origin.ts"

/** Opens the source that an image comes from: a registry, a layout, an archive. */
export class ImageSources extends Context.Service<ImageSources, Opening>()("ociflow/pull/ImageSources") {}
