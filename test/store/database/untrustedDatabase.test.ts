/**
 * A catalogue that a stranger made. What could keep SQLite busy for ever is asked in another process: nothing stops a
 * statement, so a test that fails here would not end.
 */
import { execFileSync } from "node:child_process"
import { chown, mkdir, readdir, readFile, rename, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { identify } from "../../../src/store/database/DatabaseFile.ts"
import { SqlClient } from "../../../src/store/database/Sql.ts"
import { openSqlJs } from "../../../src/store/database/SqlJs.ts"
import { schemaPagesProblem } from "../../../src/store/database/schema/schemaPages.ts"
import { validateDatabase } from "../../../src/store/database/validateDatabase.ts"
import { it } from "../../support/effect.ts"
import { directory, open, pullInto } from "../fixtures.ts"
import { start } from "../process.ts"

const reference = "example.org/a:1"
const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"

/** A store with one image, and its catalogue after these statements. */
const changed = (...statements: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const root = yield* directory
    const store = yield* open({ root })
    yield* pullInto(store, { reference })
    const { client, export: bytes } = yield* openSqlJs(yield* Effect.promise(() => readFile(store.database)))
    for (const statement of statements) yield* client.unsafe(statement)
    yield* Effect.promise(() => writeFile(store.database, bytes()))
    return root
  })

/** What another process says of these stores. */
const asked = Effect.fnUntraced(function* (...roots: ReadonlyArray<string>) {
  const child = yield* start("listImages.ts", ...roots)
  yield* Effect.promise(() => child.ended).pipe(Effect.timeoutOption("30 seconds"))
  return child.lines.map((line) => JSON.parse(line))
})

const rebuilt = { references: [reference], warnings: ["CatalogueDamaged"] }

/** An empty catalogue as the first version made it. */
const version1 = Effect.gen(function* () {
  const { client, export: bytes } = yield* openSqlJs()
  const text = yield* Effect.promise(() => readFile(join(import.meta.dirname, "version1.sql"), "utf8"))
  for (const statement of text.split(/;\n+/)) if (statement !== "") yield* client.unsafe(statement)
  return bytes()
})

const strangers: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["a view that never ends", [`CREATE VIEW more AS ${endless} SELECT i FROM n`]],
  [
    "a view in the place of a table",
    [
      "ALTER TABLE images RENAME TO pictures",
      `CREATE VIEW images AS ${endless} SELECT pictures.*, i FROM n LEFT JOIN pictures`
    ]
  ],
  [
    "a trigger that never ends",
    [`CREATE TRIGGER t BEFORE DELETE ON layers BEGIN INSERT INTO images (reference) ${endless} SELECT i FROM n; END`]
  ],
  ["a table more", ["CREATE TABLE more (a TEXT)"]],
  ["an index more, of an expression", ["CREATE INDEX more ON images(hex(zeroblob(100)))"]],
  ["a column more, that computes", ["ALTER TABLE images ADD COLUMN more TEXT AS (hex(zeroblob(100)))"]],
  ["a table less", ["DROP TABLE manifest_layers"]],
  [
    "a version that is computed",
    ["DROP TABLE schema_migrations", "CREATE TABLE schema_migrations (migration_id AS (1), name TEXT)"]
  ],
  ["a digest that is a path", ["UPDATE layers SET digest = '../../../etc'"]],
  ["another blob's tree that is a path", ["UPDATE manifest_layers SET tree = 'sha256:../../x'"]],
  ["a layer's diffID that is not a text", ["UPDATE manifest_layers SET diff_id = 0"]],
  ["a manifest's digest that is a path", ["UPDATE manifests SET digest = 'sha256:../../x'"]],
  ["a tree's form that is a path", ["UPDATE manifest_trees SET variant = '/../../../etc'"]],
  ["a tree's form that is none", ["UPDATE manifest_trees SET kind = 'mine'"]],
  ["a digest that is not a text", ["UPDATE configs SET digest = x'00ff'"]],
  ["a time that is none", ["UPDATE images SET last_used_at = 'tomorrow'"]],
  ["a document that is none", ["UPDATE configs SET config_json = '{'"]]
]

describe("a catalogue of a stranger's making is set aside, and built again from the documents", () => {
  it.live(
    "whatever is in it",
    () =>
      Effect.gen(function* () {
        const roots = yield* Effect.forEach(strangers, ([, statements]) => changed(...statements))
        const said = yield* asked(...roots)
        expect(strangers.map(([name], i) => [name, said[i]])).toEqual(strangers.map(([name]) => [name, rebuilt]))
        for (const root of roots)
          expect(yield* Effect.promise(() => readdir(root))).toContainEqual(expect.stringMatching(/^oci\.db\.damaged-/))
      }),
    60_000
  )

  it.effect("one that is ours is taken as it is, also where SQLite has written it anew", () =>
    Effect.gen(function* () {
      for (const statements of [
        [],
        ["VACUUM"],
        ["PRAGMA page_size = 512", "VACUUM"],
        ["PRAGMA page_size = 65536", "VACUUM"]
      ]) {
        const root = yield* changed(...statements)
        const warnings: Array<unknown> = []
        const store = yield* open({ root, emit: (event) => warnings.push(event) })
        expect(yield* store.catalogue.images()).toMatchObject([{ reference }])
        expect(warnings).toEqual([])
      }
    })
  )

  it.effect("the schema that a catalogue was made with is the one that is known, to the letter", () =>
    Effect.gen(function* () {
      const { client } = yield* openSqlJs(yield* version1)
      expect(yield* Effect.provideService(validateDatabase("version1.db"), SqlClient, client)).toBeUndefined()
    })
  )
})

/** A page of a table: where its rows, or its pages, are. */
const page = (size: number, offset: number, type: number, cells: ReadonlyArray<Buffer>, right = 0) => {
  const bytes = Buffer.alloc(size)
  const header = type === 5 ? 12 : 8
  bytes[offset] = type
  bytes.writeUInt16BE(cells.length, offset + 3)
  if (type === 5) bytes.writeUInt32BE(right, offset + 8)
  cells.forEach((cell, i) => {
    const at = size - (i + 1) * 16
    cell.copy(bytes, at)
    bytes.writeUInt16BE(at, offset + header + 2 * i)
  })
  return bytes
}

const child = (number: number) => {
  const cell = Buffer.alloc(16)
  cell.writeUInt32BE(number)
  cell[4] = 1
  return cell
}

/** `depth` pages, each of which refers to the next one 100 times: 100 ** depth rows. */
const manifold = (header: Buffer, depth: number) => {
  const pages = Array.from({ length: depth }, (_, i) =>
    page(
      4096,
      i === 0 ? 100 : 0,
      5,
      Array.from({ length: 100 }, () => child(i + 2)),
      i + 2
    )
  )
  const bytes = Buffer.concat([...pages, page(4096, 0, 13, [])])
  header.copy(bytes, 0, 0, 100)
  bytes.writeUInt32BE(bytes.length / 4096, 28)
  return bytes
}

describe("pages of the schema", () => {
  it.live(
    "that refer to each other without end are not read",
    () =>
      Effect.gen(function* () {
        const root = yield* changed()
        const path = join(root, "oci.db")
        const header = (yield* Effect.promise(() => readFile(path))).subarray(0, 100)
        yield* Effect.promise(() => writeFile(path, manifold(header, 12)))
        expect(yield* asked(root)).toEqual([rebuilt])
      }),
    60_000
  )

  it.effect("are told from a tree", () =>
    Effect.gen(function* () {
      const good = Buffer.from(yield* version1)
      expect(schemaPagesProblem(good)).toBeUndefined()
      const at = (offset: number, ...bytes: ReadonlyArray<number>) => {
        const copy = Buffer.from(good)
        copy.set(bytes, offset)
        return schemaPagesProblem(copy)
      }
      expect(schemaPagesProblem(Buffer.alloc(0))).toBe("it is not a database")
      expect(schemaPagesProblem(good.subarray(0, 100))).toBe("its schema's pages are not a tree")
      expect(at(16, 0, 3)).toBe("its pages have no size")
      expect(at(100, 10)).toBe("its schema is not a table")
      expect(at(100, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)).toBe("its schema's pages are not a tree")
      expect(at(100, 5, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)).toBe("its schema's pages are not a tree")
      const rows = (count: number, size: number) => {
        const cell = Buffer.from([0x80 | (size >> 7), size & 0x7f, 1])
        const bytes = page(
          4096,
          100,
          13,
          Array.from({ length: count }, () => cell)
        )
        good.copy(bytes, 0, 0, 100)
        return schemaPagesProblem(bytes)
      }
      expect(rows(200, 5000)).toBeUndefined()
      expect(rows(200, 6000)).toBe("its schema is not the catalogue's")
    })
  )
})

describe.runIf(process.getuid?.() === 0)("a note that the file is sound", () => {
  it.effect("of another user does not count", () =>
    Effect.gen(function* () {
      const root = yield* changed("CREATE VIEW more AS SELECT 1")
      const path = join(root, "oci.db")
      const identity = yield* identify(path)
      const warned = Effect.gen(function* () {
        const warnings: Array<unknown> = []
        const store = yield* open({ root, emit: (event) => warnings.push(event) })
        yield* store.catalogue.images()
        return warnings.length
      })
      yield* Effect.promise(() => writeFile(`${path}.sound`, `${identity} 3`))
      expect(yield* warned).toBe(0)
      yield* Effect.promise(() => chown(`${path}.sound`, 65534, 65534))
      expect(yield* warned).toBe(1)
    })
  )
})

describe("what stands under the catalogue's name and is not a file", () => {
  const others: ReadonlyArray<readonly [string, (path: string) => Promise<unknown>]> = [
    ["a FIFO", async (path) => execFileSync("mkfifo", [path])],
    ["a link", (path) => rename(`${path}.was`, `${path}.elsewhere`).then(() => symlink(`${path}.elsewhere`, path))],
    ["a directory", (path) => mkdir(path)]
  ]
  for (const [name, make] of others)
    it.effect(`is set aside: ${name}`, () =>
      Effect.gen(function* () {
        const root = yield* changed()
        const path = join(root, "oci.db")
        yield* Effect.promise(() => rename(path, `${path}.was`))
        yield* Effect.promise(() => make(path))
        const store = yield* open({ root })
        expect(yield* store.catalogue.images()).toMatchObject([{ reference }])
        yield* pullInto(store, { reference: "example.org/b:1", version: "2" })
        expect(yield* (yield* open({ root })).catalogue.images()).toHaveLength(2)
        expect(yield* Effect.promise(() => readdir(root))).toContainEqual(expect.stringMatching(/^oci\.db\.damaged-/))
      })
    )
})
