/** All layouts. A new one is a file of this folder and a row here; its name is then an option of the library and of the command line. */
import { erofs } from "./erofs.ts"
import { layers } from "./layers.ts"
import { overlay } from "./overlay.ts"
import { rootfs } from "./rootfs.ts"

export const layouts = { layers, overlay, rootfs, erofs }

/**
 * What the directory is for. `layers`: one directory a layer, with whiteouts as plain files, for a program that stacks them.
 * `overlay`: one directory a layer, as a lower directory of an overlayfs mount. `rootfs`: all layers in one directory,
 * lowest first. `erofs`: all layers in one file, which can be mounted.
 */
export type LayoutName = keyof typeof layouts

export const layoutNames = Object.keys(layouts) as ReadonlyArray<LayoutName> as readonly [LayoutName, ...LayoutName[]]
