/** The rules of the option `verify` in one form, wherever they come from. */
import type { SignedIdentity, TufOptions } from "../../api/signatures.ts"

/** A file, or what it would hold. `name` is for errors. */
export interface TrustFile {
  readonly name: string
  readonly path?: string
  readonly content?: string
}

/** What policies name in place of a trusted root: certificates of an authority, and keys of transparency logs. */
export interface TrustParts {
  readonly authorities: ReadonlyArray<TrustFile>
  readonly logKeys: ReadonlyArray<TrustFile>
  /** A trusted root, of which the keys of certificate logs count. */
  readonly certificateLogs?: TrustFile | undefined
  /** PEM: certificates that came with the signature. Only those that an authority has issued count. */
  readonly offered?: string | undefined
}

export type TrustedRootSource =
  | { readonly _tag: "File"; readonly file: TrustFile }
  | { readonly _tag: "Tuf"; readonly tuf: TufOptions }
  | { readonly _tag: "Parts"; readonly parts: TrustParts }

interface AnyRequirement {
  readonly signedIdentity?: SignedIdentity | undefined
  readonly predicateType?: string | undefined
}

export interface KeysRequirement extends AnyRequirement {
  readonly _tag: "Keys"
  readonly keys: ReadonlyArray<TrustFile>
  /** With it, the signature must be in a transparency log. */
  readonly root?: TrustedRootSource | undefined
}

export interface IdentityRequirement extends AnyRequirement {
  readonly _tag: "Identity"
  readonly issuer: string | RegExp
  readonly identity: string | RegExp
  readonly root: TrustedRootSource
}

export type Requirement = KeysRequirement | IdentityRequirement

export type Rule =
  | { readonly _tag: "Accept" }
  | { readonly _tag: "Refuse"; readonly problem: string }
  | { readonly _tag: "NotImplemented"; readonly feature: string }
  | { readonly _tag: "Signed"; readonly mode: "any" | "all"; readonly requirements: ReadonlyArray<Requirement> }

/** Rules by scope; `*` is for registries that no scope is for, `oci:` and `docker-archive:` for files. */
export type Rules = ReadonlyMap<string, Rule>
