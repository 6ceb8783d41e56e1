/** A result as Markdown: the targets, a table for each image, who took part, and where. */
import { describeMachine } from "../measure/Machine.ts"
import { quantile } from "../measure/statistics.ts"
import { counted, digits, megabytes, table } from "../measure/table.ts"
import { firstFile } from "../peers/oneFile.ts"
import type { Peer } from "../peers/Peer.ts"
import { type Result, ratios, spreadOf } from "./Result.ts"
import { targetsTable } from "./targets.ts"

/** Those that brought the image onto the disk, the fastest first. */
export const ranking = (result: Result, image: string, into: Peer["kind"] = "directories") =>
  result.peers
    .filter(({ kind = "directories" }) => kind === into)
    .flatMap(({ name }) => {
      const wall = spreadOf(result, image, name, "wall")
      const cpu = spreadOf(result, image, name, "cpu")
      const peak = spreadOf(result, image, name, "peak")
      return wall && cpu && peak ? [{ name, wall, cpu, peak }] : []
    })
    .sort((a, b) => a.wall.median - b.wall.median)

const imageTable = (result: Result, image: string, into: Peer["kind"], first: string): string =>
  table(
    ["", "wall, s", "min–max", "CPU, s", "peak, MB", `wall / ${first}’s`, "middle half"],
    ranking(result, image, into).map(({ name, wall, cpu, peak }) => {
      const to = name === first ? [] : ratios(result, image, name, first, "wall")
      return [
        name.includes("ociflow") ? `**${name}**` : name,
        digits(wall.median),
        `${digits(wall.min)}–${digits(wall.max)}`,
        digits(cpu.median),
        megabytes(peak.median),
        name === first ? "1" : digits(quantile(to, 0.5)),
        to.length === 0 ? "" : `${digits(quantile(to, 0.25))}–${digits(quantile(to, 0.75))}`
      ]
    })
  )

export const report = (result: Result): string => {
  const rounds = Math.max(...result.runs.map(({ round }) => round))
  const failures = result.failures.map(({ image, peer, problem }) => `- ${image}: ${peer} could not: ${problem}`)
  return [
    `${describeMachine(result.machine)}; ${result.disk}. ${result.date}, up to ${rounds} rounds, seed ${result.seed}.`,
    "### Targets",
    "Ratios are medians of same-round ratios, ociflow over the peer: less is better.",
    targetsTable(result),
    ...result.images.flatMap(({ name, layers, bytes }) => [
      `### \`${name}\``,
      `${counted(layers, "layer")}, ${megabytes(bytes)} MB compressed.`,
      imageTable(result, name, "directories", "ociflow"),
      ...(ranking(result, name, "file").length === 0
        ? []
        : [`\`${name}\` as one file:`, imageTable(result, name, "file", firstFile.name)])
    ]),
    "### Programs",
    table(
      ["", "version", "how"],
      result.peers.map(({ name, version, how }) => [name, version, how]),
      3
    ),
    ...(failures.length === 0 ? [] : [failures.join("\n")])
  ].join("\n\n")
}
