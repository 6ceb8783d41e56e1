/** Signatures of images, in the forms that tools write them, for tests of one's own rules. */
import { createHash } from "node:crypto"
import { contentOfBytes, digestOf } from "../Content.ts"
import { descriptorOf, documentOf, mediaTypes, type TestDocument, type TestImage } from "../image/TestImage.ts"
import type { Authority } from "./Authority.ts"
import { hintOf, type SigningKey, signBytes } from "./Signer.ts"

/** A signature as a registry holds it: `registry.add(signature.nameIn("app"), signature)`. */
export interface TestSignature extends TestImage {
  /** `app` → `app:sha256-….sig` for cosign's tag scheme, `app` for a referrer. */
  readonly nameIn: (repository: string) => string
}

/** Who signs: a key, or an identity that an authority vouches for. */
export type SignedBy =
  | { readonly key: SigningKey }
  | { readonly authority: Authority; readonly identity: string; readonly issuer: string }

interface AnyOptions {
  /** Which document is signed. Default: what a tag of the image names. */
  readonly digest?: string
  /** What a referrer's manifest says that it is. Default: a Sigstore bundle. */
  readonly artifactType?: string
}

export type SignOptions = SignedBy &
  AnyOptions & {
    /**
     * `tag`: cosign's tag scheme, simple signing. `bundle`: what cosign 3 writes, a bundle with a statement. `message`: a bundle with a
     * signature of the document itself. Default: `tag`.
     */
    readonly as?: "tag" | "bundle" | "message"
    /** The repository that simple signing names. Default: `registry.test/app`. */
    readonly reference?: string
  }

export type AttestOptions = SignedBy &
  AnyOptions & {
    readonly predicateType: string
    readonly predicate?: unknown
  }

export const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"
const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json"
const statementType = "application/vnd.in-toto+json"

const emptyConfig: TestDocument = documentOf("application/vnd.oci.empty.v1+json", {})

/** A manifest with one layer, which is an artifact. */
const artifactOf = (
  layer: TestDocument & { readonly annotations?: Readonly<Record<string, string>> },
  config: TestDocument,
  more: Readonly<Record<string, unknown>>
): TestImage => {
  const manifest = documentOf(mediaTypes.oci.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.manifest,
    config: descriptorOf(config),
    layers: [
      { ...descriptorOf(layer), ...(layer.annotations === undefined ? {} : { annotations: layer.annotations }) }
    ],
    ...more
  })
  return {
    digest: manifest.digest,
    mediaType: manifest.mediaType,
    size: manifest.bytes.length,
    documents: new Map([[manifest.digest, manifest]]),
    blobs: new Map([layer, config].map(({ digest, bytes }) => [digest, contentOfBytes(bytes)])),
    manifests: []
  }
}

/** DSSE's pre-authentication encoding (secure-systems-lab/dsse, protocol.md). */
const encoded = (type: string, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload])

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64")

/** Any bundle as a referrer of a document of the image. */
export const bundleReferrer = (
  image: TestImage,
  bundle: unknown,
  { digest = image.digest, artifactType = bundleType }: AnyOptions = {}
): TestSignature => {
  const document = image.documents.get(digest)
  if (document === undefined) throw new TypeError(`the image has no document ${digest}`)
  const layer = documentOf(bundleType, bundle)
  return {
    ...artifactOf(layer, emptyConfig, { artifactType, subject: descriptorOf(document) }),
    nameIn: (repository) => repository
  }
}

const inBundle = async (
  signer: SignedBy,
  content: { readonly payload: Uint8Array; readonly type: string } | { readonly message: Uint8Array }
): Promise<unknown> => {
  const signed = "message" in content ? content.message : encoded(content.type, content.payload)
  const of =
    "message" in content
      ? (signature: Uint8Array) => ({
          messageSignature: {
            messageDigest: {
              algorithm: "SHA2_256",
              digest: createHash("sha256").update(content.message).digest("base64")
            },
            signature: base64(signature)
          }
        })
      : (signature: Uint8Array) => ({
          dsseEnvelope: {
            payload: base64(content.payload),
            payloadType: content.type,
            signatures: [{ sig: base64(signature) }]
          }
        })
  if ("key" in signer) {
    const { privateKey } = signer.key
    return {
      mediaType: bundleType,
      verificationMaterial: { publicKey: { hint: hintOf(privateKey) }, tlogEntries: [] },
      ...of(signBytes(privateKey, signed))
    }
  }
  const { signature, ...verificationMaterial } = await signer.authority.sign(signed, {
    ...signer,
    ...("message" in content ? {} : { payload: content.payload })
  })
  return { mediaType: bundleType, verificationMaterial, ...of(signature) }
}

const subjectOf = (digest: string) => {
  const [algorithm = "", hex = ""] = digest.split(":")
  return { digest: { [algorithm]: hex } }
}

/** Signs an image. The signature is another image: add it to the registry. */
export const sign = async (image: TestImage, options: SignOptions): Promise<TestSignature> => {
  const { as = "tag", reference = "registry.test/app", digest = image.digest } = options
  if (as === "bundle")
    return attest(image, { ...options, predicateType: "https://sigstore.dev/cosign/sign/v1", predicate: {} })
  if (as === "message") {
    const document = image.documents.get(digest)
    if (document === undefined) throw new TypeError(`the image has no document ${digest}`)
    return bundleReferrer(image, await inBundle(options, { message: document.bytes }), options)
  }
  const payload = documentOf(payloadType, {
    critical: {
      identity: { "docker-reference": reference },
      image: { "docker-manifest-digest": digest },
      type: "cosign container image signature"
    },
    optional: null
  })
  const annotations =
    "key" in options
      ? { "dev.cosignproject.cosign/signature": base64(signBytes(options.key.privateKey, payload.bytes)) }
      : await options.authority.annotate(payload.bytes, options)
  const config = documentOf(mediaTypes.oci.config, {
    architecture: "",
    os: "",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(payload.bytes)] }
  })
  const tag = `${digest.replace(":", "-")}.sig`
  return { ...artifactOf({ ...payload, annotations }, config, {}), nameIn: (repository) => `${repository}:${tag}` }
}

/** Says something of an image, in a statement (in-toto) that is signed. It is a referrer, as GitHub's attestations are. */
export const attest = async (image: TestImage, options: AttestOptions): Promise<TestSignature> => {
  const { predicateType, predicate = {}, digest = image.digest } = options
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [subjectOf(digest)],
    predicateType,
    predicate
  }
  const payload = Buffer.from(JSON.stringify(statement))
  return bundleReferrer(image, await inBundle(options, { payload, type: statementType }), options)
}
