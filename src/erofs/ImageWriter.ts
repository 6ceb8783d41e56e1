/** A plan and the bytes of its files, in their order → the image's bytes, in their order. Synchronous. */
import { blockBytes, blocksOf, inodeBytes } from "../layer/erofs/format.ts"
import { encodeSuperblock } from "./format/encodeSuperblock.ts"
import type { Ino } from "./format/InodeTable.ts"
import { ImageOutput } from "./ImageOutput.ts"
import { type ErofsPlan, nidOf } from "./planErofs.ts"

const noBytes = Buffer.alloc(0)

/** For each inode in turn: `begin`, `body` with its bytes in any pieces, `end`; and after the last, `finish`. */
export class ImageWriter {
  /** Where the bytes go; what is ready is taken from it between the calls. */
  readonly output = new ImageOutput()
  readonly #plan: ErofsPlan
  readonly #uuid: Uint8Array
  /** The block of inodes that is not written yet: one, or all those of an inode with many attributes. */
  #shared: { readonly at: number; readonly bytes: Buffer } | undefined
  /** Of the inode that has begun: bytes that go into blocks of their own and are still to come, and those that do not. */
  #left = 0
  #tail = noBytes
  #tailed = 0

  constructor(plan: ErofsPlan, uuid: Uint8Array) {
    this.#plan = plan
    this.#uuid = uuid
  }

  begin(ino: Ino): void {
    const { inodes } = this.#plan
    const size = inodes.size(ino)
    const inline = inodes.isInline(ino) ? size % blockBytes : 0
    this.#left = size - inline
    this.#tail = inline === 0 ? noBytes : Buffer.alloc(inline)
    this.#tailed = 0
    // Full: this inode is not in it.
    if (this.#shared !== undefined && this.#shared.at !== this.#blockOf(ino)) this.#closeShared()
    if (ino === 0 && inline === 0) this.#writeInode(ino)
    if (this.#left > 0) this.#expect(inodes.position(ino))
  }

  /** A piece is copied, or written, before the call returns. More bytes than the inode's size are a defect. */
  body(piece: Uint8Array): void {
    const whole = Math.min(piece.length, this.#left)
    if (whole > 0) this.output.write(whole === piece.length ? piece : piece.subarray(0, whole))
    this.#left -= whole
    if (whole === piece.length) return
    this.#tail.set(piece.subarray(whole), this.#tailed)
    this.#tailed += piece.length - whole
  }

  /** In place of the whole body of a file, which somebody else writes. */
  skipBody(): void {
    this.output.skip(blocksOf(this.#left))
    this.#left = 0
  }

  end(ino: Ino): void {
    if (this.#left > 0 || this.#tailed !== this.#tail.length) throw new Error(`inode ${ino} lacks bytes of its body`)
    this.output.pad()
    if (ino > 0 || this.#tail.length > 0) this.#writeInode(ino)
  }

  finish(): void {
    this.#closeShared()
    if (this.output.position < this.#plan.size) this.output.write(Buffer.alloc(blockBytes))
    this.#expect(this.#plan.size)
    this.output.end()
  }

  /** The inode, its attributes, and what of its bytes is behind them. */
  #writeInode(ino: Ino): void {
    const { inodes, offsets, blocks } = this.#plan
    const at = this.#blockOf(ino)
    const xattrs = inodes.xattrs.get(ino) ?? noBytes
    const place = (offsets[ino] ?? 0) - at
    const behind = place + inodeBytes
    this.#shared ??= { at, bytes: Buffer.alloc(blocksOf(behind + xattrs.length + this.#tail.length) * blockBytes) }
    const { bytes } = this.#shared
    inodes.encode(ino, bytes, place)
    if (xattrs.length > 0) bytes.set(xattrs, behind)
    if (this.#tail.length > 0) bytes.set(this.#tail, behind + xattrs.length)
    if (ino > 0) return
    encodeSuperblock(bytes, { rootNid: nidOf(this.#plan, 0), inodes: inodes.length, blocks, uuid: this.#uuid })
    this.#closeShared()
  }

  #closeShared(): void {
    if (this.#shared === undefined) return
    this.#expect(this.#shared.at)
    this.output.write(this.#shared.bytes)
    this.#shared = undefined
  }

  #blockOf(ino: Ino): number {
    const offset = this.#plan.offsets[ino] ?? 0
    return offset - (offset % blockBytes)
  }

  #expect(position: number): void {
    if (this.output.position !== position)
      throw new Error(`an EROFS image is at byte ${this.output.position}, where byte ${position} was planned`)
  }
}
