/** Signatures of images: what may be asked for them (the option `verify`), and what is known of one that was proven. */
import type { Effect } from "effect/Effect"

/**
 * The repository that a signature must have been made for, as containers-policy.json(5) writes it. Only cosign's simple signing
 * names a repository; a bundle names a digest alone, so it never satisfies this.
 */
export type SignedIdentity =
  /** The very reference; a tag is compared too. */
  | { readonly type: "matchExact" }
  /** For a reference with a tag, the signature must name that reference; for one with a digest, its repository. */
  | { readonly type: "matchRepoDigestOrExact" }
  /** The repository, with any tag. */
  | { readonly type: "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: string }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  /** A repository beneath `prefix` must have been signed as the same one beneath `signedPrefix`. */
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string }

/** What any signature may be asked for. */
export interface SignatureDetails {
  /** The repository that the signature must name. Default: any; a bundle names none. */
  readonly signedIdentity?: SignedIdentity | undefined
  /** Only statements of this type, such as `https://slsa.dev/provenance/v1`. Default: any signature. */
  readonly predicateType?: string | undefined
}

/** A signature by one of these keys. */
export interface KeyRequirement extends SignatureDetails {
  /** Public keys: paths of PEM files, or PEM text. ECDSA P-256 and P-384, RSA, Ed25519. */
  readonly key: string | ReadonlyArray<string>
  /** A trusted root (JSON). With it, the signature must be in a transparency log of that root. Default: no log is asked for. */
  readonly trustedRoot?: string | undefined
}

/** Where The Update Framework (TUF) finds a trusted root. */
export interface TufOptions {
  /** Address of the repository. Default: Sigstore's public one. */
  readonly mirrorUrl?: string | undefined
  /** File with the first `root.json`; needed with `mirrorUrl`. Default: Sigstore's public one. */
  readonly root?: string | undefined
  /** Directory for what was downloaded. Default: that of the package `@sigstore/tuf`. */
  readonly cache?: string | undefined
}

/** A signature with a certificate that Fulcio, or another authority of the trusted root, gave to this identity. */
export interface IdentityRequirement extends SignatureDetails {
  /** Who vouched for the identity: the issuer's address, compared as a whole, or an expression. */
  readonly issuer: string | RegExp
  /** Who signed: an email address or a workflow's URI, compared as a whole, or an expression. Anchor an expression with `^` and `$`. */
  readonly identity: string | RegExp
  /** File with the trusted root (JSON). Required, unless `tuf` is given. */
  readonly trustedRoot?: string | undefined
  /** Get the trusted root by TUF; `true`: from Sigstore's public repository. Default: no. */
  readonly tuf?: true | TufOptions | undefined
}

export type SignatureRequirement = KeyRequirement | IdentityRequirement

/** What the images of one scope must have. Exactly one of `any`, `all` and `always`. */
export interface SignatureRule {
  /**
   * A registry (`ghcr.io`), a part of one (`ghcr.io/org`, or `ghcr.io/org/*`), a repository, an image by tag or digest, all
   * registries of a domain (`*.example.com`), all (`*`), or files (`oci:`, `docker-archive:`). The most specific one counts.
   */
  readonly scope: string
  /** One of these is enough. */
  readonly any?: ReadonlyArray<SignatureRequirement> | undefined
  /** Each of these must hold, by the same signature or by different ones. */
  readonly all?: ReadonlyArray<SignatureRequirement> | undefined
  /** No signature is looked at. */
  readonly always?: "accept" | "refuse" | undefined
}

export interface SignatureRules {
  /** No scope twice. */
  readonly rules: ReadonlyArray<SignatureRule>
  /** What happens to an image of a registry that no rule is for. A file that no rule is for is refused. Default: `refuse`. */
  readonly otherwise?: "accept" | "refuse" | undefined
}

/** The rules of podman and skopeo: containers-policy.json(5). It is read again for each image. */
export interface SignaturePolicy {
  /** Path of the file, such as `/etc/containers/policy.json`. */
  readonly policyFile: string
  /**
   * A trusted root (JSON), for the keys of certificate logs: a policy names none, and certificates of Sigstore's public authority
   * have proofs of such a log, which are checked. Default: none; such certificates are rejected.
   */
  readonly trustedRoot?: string | undefined
}

/** What a function is told of an image. */
export interface ImageToVerify {
  /** The full reference. */
  readonly reference: string
  /** What the reference names: the digest of the index, or of the manifest if there is no index. */
  readonly digest: string
  readonly manifestDigest: string
}

export type SignatureVerdict =
  | { readonly accepted: true; readonly verified?: ReadonlyArray<VerifiedSignature> }
  /** `problem`: what is told of it. */
  | { readonly accepted: false; readonly problem: string }

/** Called for each image, stored ones included. If it fails, the call fails with `TrustUnavailable`. */
export type SignatureFunction = (
  image: ImageToVerify
) => SignatureVerdict | Promise<SignatureVerdict> | Effect<SignatureVerdict, unknown>

export type SignatureOptions = SignatureRules | SignaturePolicy | SignatureFunction

/** A signature that satisfied a rule. */
export interface VerifiedSignature {
  /** The identity of a certificate; or, for a key, `sha256:` and the hash of its DER form. */
  readonly signer: string
  /** `simple-signing`: cosign's tag scheme. `message-signature`, `dsse`: bundles. `function`: as the function said. */
  readonly kind: "simple-signing" | "message-signature" | "dsse" | "function"
  /** Digest of the document that was signed: the index, or the platform's manifest. */
  readonly digest: string
  /** Who vouched for the identity; for certificates only. */
  readonly issuer?: string
  /** The entry in the transparency log, if there was one to prove. */
  readonly logIndex?: number
  /** When the log took the entry, if it says so. ISO 8601 in UTC. */
  readonly integratedTime?: string
  /** Of a statement (in-toto): its type, and what it says. */
  readonly predicateType?: string
  readonly predicate?: unknown
}
