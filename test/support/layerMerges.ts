/** Two layers and the tree they make together: the law that every layout that merges layers has to keep. */
import { dir, file, link, symlink, type TestEntry } from "./entries.ts"

export const lowerLayer: ReadonlyArray<TestEntry> = [
  dir("d"),
  file("d/old", "1"),
  file("d/s/old", "2"),
  file("d/t/old", "3"),
  file("f", "4"),
  symlink("l", "d")
]

type Case = readonly [upper: ReadonlyArray<TestEntry>, expected: ReadonlyArray<string>]

/** What a layer says can be said without knowing the layers beneath it. */
export const whiteoutCases: Record<string, Case> = {
  "a whiteout removes a file": [
    [file(".wh.f")],
    ["d/", "d/old = 1", "d/s/", "d/s/old = 2", "d/t/", "d/t/old = 3", "l -> d"]
  ],
  "a whiteout removes a directory": [[file(".wh.d")], ["f = 4", "l -> d"]],
  "a whiteout removes a link, not what it leads to": [
    [file(".wh.l"), file("d/.wh.s"), file("d/.wh.t")],
    ["d/", "d/old = 1", "f = 4"]
  ],
  "a whiteout spares what its own layer wrote, before or after it": [
    [file("f", "new"), file(".wh.f"), file(".wh.d"), file("d/new", "5"), file(".wh.d")],
    ["d/", "d/new = 5", "f = new", "l -> d"]
  ],
  "a whiteout of a directory spares only what its own layer wrote into it": [
    [file("d/s/new", "5"), file(".wh.d")],
    ["d/", "d/s/", "d/s/new = 5", "f = 4", "l -> d"]
  ],
  "an opaque marker hides lower layers, first in its layer": [
    [dir("d"), file("d/.wh..wh..opq"), file("d/s/new", "5")],
    ["d/", "d/s/", "d/s/new = 5", "f = 4", "l -> d"]
  ],
  "an opaque marker hides lower layers, last in its layer": [
    [file("d/s/new", "5"), dir("d"), file("d/.wh..wh..opq")],
    ["d/", "d/s/", "d/s/new = 5", "f = 4", "l -> d"]
  ],
  "an opaque marker spares hard links, and those that still wait": [
    [file("d/a", "5"), link("d/b", "d/a"), link("d/c", "z"), file("d/.wh..wh..opq"), file("z", "6")],
    ["d/", "d/a = 5", "d/b = 5", "d/c = 6", "f = 4", "l -> d", "z = 6"]
  ],
  "a whiteout of a directory has those in it, before or after it, say nothing": [
    [file("d/.wh.old"), file("d/s/.wh.old"), file(".wh.d"), file("d/t/.wh.old"), file("d/s/.wh..wh..opq")],
    ["f = 4", "l -> d"]
  ],
  "an opaque directory that is hidden is none": [
    [file("d/.wh..wh..opq"), file("d/s/.wh.old"), file(".wh.d")],
    ["f = 4", "l -> d"]
  ],
  "an opaque marker has whiteouts in directories beneath it, before or after it, say nothing": [
    [file("d/s/.wh.old"), file("d/.wh..wh..opq"), file("d/t/.wh.old"), file("d/new", "5")],
    ["d/", "d/new = 5", "f = 4", "l -> d"]
  ],
  "a directory that is written after its whiteouts, and one hidden, is the layer's own": [
    [file("d/.wh.old"), file(".wh.d"), file("d/s/.wh.old"), file("d/s/new", "5")],
    ["d/", "d/s/", "d/s/new = 5", "f = 4", "l -> d"]
  ],
  "a file of a lower layer gives way to a directory, even one that is only implied": [
    [file("f/x", "5"), file(".wh.d")],
    ["f/", "f/x = 5", "l -> d"]
  ],
  "a directory of a lower layer gives way to a file": [[file("d", "5")], ["d = 5", "f = 4", "l -> d"]],
  "a link to a directory of a lower layer gives way to a directory": [
    [dir("l"), file(".wh.d")],
    ["f = 4", "l/"]
  ],
  "notes of AUFS are not written": [
    [file(".wh..wh.aufs"), file(".wh..wh.plnk/5"), file(".wh..wh.orph"), file(".wh.d")],
    [".wh..wh.plnk/", ".wh..wh.plnk/5 = ", "f = 4", "l -> d"]
  ]
}

/** What has to know the layers beneath: only a merged tree does. */
export const mergeCases: Record<string, Case> = {
  "a whiteout below a link is one below where it leads": [
    [file("l/.wh.s"), file("l/.wh.t")],
    ["d/", "d/old = 1", "f = 4", "l -> d"]
  ],
  "a whiteout of what is not there does nothing": [
    [file(".wh.d"), file(".wh.x"), file("x/y/.wh.z"), file("f/.wh.z"), file("x/.wh..wh..opq")],
    ["f = 4", "l -> d"]
  ],
  "an opaque marker below a link is one where it leads": [
    [file("l/new", "5"), file("l/.wh..wh..opq")],
    ["d/", "d/new = 5", "f = 4", "l -> d"]
  ],
  "a hard link may lead to a lower layer": [
    [link("h", "f"), file(".wh.d")],
    ["f = 4", "h = 4", "l -> d"]
  ],
  "an opaque root hides everything": [[file("n", "5"), file(".wh..wh..opq")], ["n = 5"]]
}
