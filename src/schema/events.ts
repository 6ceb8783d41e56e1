/** Codecs of the events of a pull. */
import * as Schema from "effect/Schema"
import type * as events from "../api/events.ts"
import { PulledImage, verifiedSignature } from "./images.ts"
import { boolean, type FieldsOf, maybe, number, struct, text } from "./struct.ts"

type Events = { readonly [Tag in events.PullEvent["_tag"]]: Extract<events.PullEvent, { readonly _tag: Tag }> }

/** Each once: a code that is missing here does not compile. */
const warningCodes: Readonly<Record<events.WarningCode, null>> = {
  AnnotationsDropped: null,
  AttributeTooLarge: null,
  AttributesDropped: null,
  AttributesRefused: null,
  AttributesUnsupported: null,
  AuthFileUnusable: null,
  AuthVariableUnusable: null,
  CatalogueDamaged: null,
  CredentialHelperFailed: null,
  DockerConfigUnusable: null,
  HostsFileUnusable: null,
  LittleSpace: null,
  MirrorFailed: null,
  MirrorUnusable: null,
  NotPartial: null,
  NotRepaired: null,
  OpaqueRoot: null,
  PlatformFallback: null,
  PlatformMismatch: null,
  RegistryWarning: null,
  StoreExposed: null,
  UnknownEntryType: null
}
const WarningCode = Schema.Literals(Object.keys(warningCodes) as ReadonlyArray<events.WarningCode>)

const fields: { readonly [Tag in keyof Events]: FieldsOf<Omit<Events[Tag], "_tag">> } = {
  Resolving: { reference: text },
  Resolved: {
    reference: text,
    digest: text,
    manifestDigest: text,
    platform: text,
    size: number,
    layers: Schema.Array(
      struct<events.Resolved["layers"][number]>({ digest: text, diffId: text, size: number, kept: maybe(number) })
    )
  },
  Verified: verifiedSignature,
  LayerCached: { digest: text, path: text },
  LayerWaiting: { digest: text },
  LayerStarted: { digest: text, size: number, offset: number, shared: maybe(Schema.Boolean) },
  LayerProgress: {
    digest: text,
    size: number,
    received: number,
    consumed: number,
    inflated: number,
    entries: number,
    shared: maybe(Schema.Boolean)
  },
  Retrying: { digest: maybe(text), attempt: number, delay: number, reason: text, message: text },
  LayerDone: { digest: text, diffId: text, path: text, inflated: number, entries: number },
  Warning: { code: WarningCode, message: text, digest: maybe(text) },
  Quota: { registry: text, limit: number, remaining: number, window: maybe(number) },
  Pulled: { image: PulledImage, cached: boolean }
}

export const PullEvent: Schema.Codec<events.PullEvent> = Schema.Union(
  Object.entries(fields).map(([tag, fields]) => Schema.TaggedStruct(tag, fields as Schema.Struct.Fields))
) as never
