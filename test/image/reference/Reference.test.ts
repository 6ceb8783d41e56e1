import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { format, identifierOf, parse } from "../../../src/image/reference/Reference.ts"
import { cpuOf } from "../../support/cpuOf.ts"
import { it } from "../../support/effect.ts"
import { runs } from "../../support/runs.ts"

const sha256 = `sha256:${"0123456789abcdef".repeat(4)}`
const sha512 = `sha512:${"ab".repeat(64)}`

const environment = (variables: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(variables))
const written = (text: string, variables: Record<string, string> = {}) =>
  parse(text).pipe(Effect.map(format), environment(variables))
const problem = (text: string, variables: Record<string, string> = {}) =>
  parse(text).pipe(
    Effect.flip,
    Effect.map((error) => (error._tag === "InvalidReference" ? error.problem : error.message)),
    environment(variables)
  )

describe("a reference", () => {
  it.effect("is written in full, whatever was left out", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["alpine", "docker.io/library/alpine:latest"],
        ["  alpine \n", "docker.io/library/alpine:latest"],
        ["alpine:3.20", "docker.io/library/alpine:3.20"],
        ["grafana/grafana", "docker.io/grafana/grafana:latest"],
        ["docker.io/alpine", "docker.io/library/alpine:latest"],
        ["index.docker.io/library/alpine", "docker.io/library/alpine:latest"],
        ["registry-1.docker.io/org/app:1", "docker.io/org/app:1"],
        ["registry.hub.docker.com/alpine", "docker.io/library/alpine:latest"],
        ["Docker.IO/alpine", "docker.io/library/alpine:latest"],
        ["ghcr.io/foo", "ghcr.io/foo:latest"],
        ["GHCR.io/org/app:V1", "ghcr.io/org/app:V1"],
        ["192.168.1.1:5000/org/repo:version", "192.168.1.1:5000/org/repo:version"],
        ["[::1]:5000/app:1", "[::1]:5000/app:1"],
        ["[2001:db8::7]/app", "[2001:db8::7]/app:latest"],
        ["localhost/app", "localhost/app:latest"],
        ["localhost:5000/app", "localhost:5000/app:latest"],
        ["localhost:5000", "docker.io/library/localhost:5000"],
        ["a.b", "docker.io/library/a.b:latest"],
        ["ghcr.io/a__b/c--d/e---f.g_h", "ghcr.io/a__b/c--d/e---f.g_h:latest"],
        ["sandboxes.io/alpine", "sandboxes.io/alpine:latest"],
        ["sandboxes.io/library/alpine:3", "sandboxes.io/library/alpine:3"],
        [`alpine@${sha256}`, `docker.io/library/alpine@${sha256}`],
        [`registry.example.com/myrepo:mytag@${sha256}`, `registry.example.com/myrepo:mytag@${sha256}`],
        [`ghcr.io/org/app@${sha512}`, `ghcr.io/org/app@${sha512}`],
        [`ghcr.io/org/app:${"t".repeat(128)}`, `ghcr.io/org/app:${"t".repeat(128)}`]
      ]
      for (const [input, canonical] of cases) expect(yield* written(input), input).toBe(canonical)
    })
  )

  it.effect("that breaks a rule is refused by that rule's name", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["", "input string is empty"],
        ["   ", "input string is empty"],
        ["registry.example.com/:tag", "repository is empty"],
        ["registry.example.com/", "repository is empty"],
        [":tag", "repository is empty"],
        [`ghcr.io/app:${"t".repeat(129)}`, `invalid tag: ${"t".repeat(129)}`],
        ["alpine:", "invalid tag: "],
        ["alpine:.1", "invalid tag: .1"],
        ["alpine:größe", "invalid tag: größe"],
        ["ghcr.io/alpine:1/x", "invalid tag: 1/x"],
        ["docker.io/Library/alpine", "invalid repository: Library/alpine"],
        ["Org/app", "invalid repository: Org/app"],
        ["ghcr.io/a___b", "invalid repository: a___b"],
        ["ghcr.io/a..b", "invalid repository: a..b"],
        ["ghcr.io/../etc", "invalid repository: ../etc"],
        ["ghcr.io//app", "invalid repository: /app"],
        ["ghcr.io/app-", "invalid repository: app-"],
        ["a b", "invalid repository: a b"],
        ["/path/to/rootfs", "invalid repository: /path/to/rootfs"],
        ["inva!id-registry.com/app", "invalid registry: inva!id-registry.com"],
        ["https://ghcr.io/app", "invalid registry: https:"],
        ["user:pw@ghcr.io/app", "invalid digest: ghcr.io/app"],
        ["a..b/app", "invalid registry: a..b"],
        ["-a.b/app", "invalid registry: -a.b"],
        ["[::1/app", "invalid registry: [::1"],
        ["[::zz]:1/app", "invalid registry: [::zz]:1"],
        ["[fe80::1%eth0]/app", "invalid registry: [fe80::1%eth0]"],
        ["ghcr.io:0/app", "invalid registry: ghcr.io:0"],
        ["ghcr.io:65536/app", "invalid registry: ghcr.io:65536"],
        ["ghcr.io:/app", "invalid registry: ghcr.io:"],
        // What a URL takes for an address, or for Punycode.
        ...["a.0", "256.1.1.1", "0.0.0.0.0", "1.2", "0x7f.1", "010.0.0.1", "a.0x", "xn--a.b"].map(
          (host) => [`${host}/app`, `invalid registry: ${host}`] as const
        ),
        ["alpine@sha256", "invalid digest: sha256"],
        ["alpine@sha256:abc", "invalid digest: sha256:abc"],
        [`alpine@${sha256.toUpperCase()}`, `invalid digest: ${sha256.toUpperCase()}`],
        [`alpine@${sha256}@${sha256}`, `invalid digest: ${sha256}@${sha256}`],
        ["alpine@sha256:../../escape", "invalid digest: sha256:../../escape"],
        ["0123456789abcdef".repeat(4), `invalid repository: ${"0123456789abcdef".repeat(4)}`],
        [`ghcr.io/${"a".repeat(248)}`, "the name is longer than 255 characters"],
        ["a".repeat(1025), "longer than 1024 characters"]
      ]
      for (const [input, expected] of cases) expect(yield* problem(input), input).toBe(expected)
      expect(yield* written(`ghcr.io/${"a".repeat(247)}`)).toBe(`ghcr.io/${"a".repeat(247)}:latest`)
    })
  )

  it.effect("by an algorithm that proves nothing is refused as such", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(parse("alpine@blake3:abcdef"))
      expect(error._tag).toBe("UnsupportedDigest")
      expect(error.message).toBe("unsupported image hash algorithm: blake3:abcdef")
    })
  )

  it.effect("without a registry goes where OCI_REGISTRY_DOMAIN says, and library/ is Docker Hub's alone", () =>
    Effect.gen(function* () {
      expect(yield* written("app", { OCI_REGISTRY_DOMAIN: "ghcr.io" })).toBe("ghcr.io/app:latest")
      expect(yield* written("app", { OCI_REGISTRY_DOMAIN: "" })).toBe("docker.io/library/app:latest")
      expect(yield* written("app", { OCI_REGISTRY_DOMAIN: "index.docker.io" })).toBe("docker.io/library/app:latest")
      expect(yield* written("quay.io/app", { OCI_REGISTRY_DOMAIN: "ghcr.io" })).toBe("quay.io/app:latest")
      expect(yield* problem("app", { OCI_REGISTRY_DOMAIN: "https://ghcr.io" })).toBe(
        "invalid registry: https://ghcr.io"
      )
      expect(yield* problem("app", { OCI_REGISTRY_DOMAIN: "mirror" })).toBe("invalid registry: mirror")
      const given = parse("app", { defaultRegistry: "quay.io" }).pipe(environment({ OCI_REGISTRY_DOMAIN: "ghcr.io" }))
      expect(format(yield* given)).toBe("quay.io/app:latest")
    })
  )

  it.effect("is asked for by its digest where it has one", () =>
    Effect.gen(function* () {
      expect(identifierOf(yield* parse(`alpine:3@${sha256}`))).toBe(sha256)
      expect(identifierOf(yield* parse("alpine:3"))).toBe("3")
    })
  )
})

const component = fc
  .tuple(
    fc.stringMatching(/^[a-z0-9]{1,8}$/),
    fc.array(fc.tuple(fc.constantFrom(".", "_", "__", "-", "--"), fc.stringMatching(/^[a-z0-9]{1,6}$/)), {
      maxLength: 2
    })
  )
  .map(([head, tail]) => head + tail.flat().join(""))
const registry = fc.oneof(
  fc.constantFrom("ghcr.io", "localhost", "localhost:5000", "[::1]:5000", "127.0.0.1:80", "docker.io", "sandboxes.io"),
  fc
    .tuple(component, fc.integer({ min: 1, max: 65535 }))
    .map(([host, port]) => `${host.replace(/[^a-z0-9]+/g, "-")}.test:${port}`)
)
const canonical = fc
  .tuple(
    registry,
    fc.array(component, { minLength: 2, maxLength: 4 }),
    fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/),
    fc.constantFrom("", `@${sha256}`, `@${sha512}`),
    fc.boolean()
  )
  .map(([host, path, tag, pin, tagged]) => `${host}/${path.join("/")}${tagged || pin === "" ? `:${tag}` : ""}${pin}`)

/** Near misses find more than noise does. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        "a",
        "A",
        "0",
        "x",
        "xn--",
        ".0",
        ".",
        "..",
        "/",
        ":",
        "@",
        "-",
        "_",
        "[",
        "]",
        "%",
        "\\",
        "\0",
        "\n",
        " ",
        "ä",
        sha256,
        "localhost"
      ),
      { maxLength: 14 }
    )
    .map((parts) => parts.join(""))
)

describe("the grammar", () => {
  test("reads back what it writes", () => {
    fc.assert(
      fc.property(canonical, (text) => {
        expect(Effect.runSync(written(text))).toBe(text)
      })
    )
  })

  test("accepts nothing that is unsafe in a path or an address, and is idempotent", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const result = Effect.runSync(Effect.result(parse(text).pipe(environment({}))))
        if (result._tag === "Failure") return
        const reference = result.success
        for (const part of [reference.registry, reference.repository, reference.tag ?? "", reference.digest ?? ""]) {
          expect(part).toMatch(/^[\x21-\x7e]*$/)
          expect(part).not.toMatch(/[\\%?#@\s]|\/\/|^\/|\/$/)
          expect(part.split("/")).not.toContain("..")
        }
        const { hostname, pathname } = new URL(`https://${reference.registry}`)
        expect(pathname).toBe("/")
        if (!reference.registry.startsWith("[")) expect(reference.registry.replace(/:\d+$/, "")).toBe(hostname)
        expect(Effect.runSync(parse(format(reference)))).toEqual(reference)
      }),
      { numRuns: runs(2000) }
    )
  })

  test("takes time in proportion to its input", () => {
    const hostile = [
      `ghcr.io/${"a-".repeat(500)}`,
      `${"a-".repeat(5e5)}!`,
      `a@sha256:${"0".repeat(1e6)}`,
      `${"a.".repeat(400)}/x`
    ]
    expect(cpuOf(() => hostile.map((text) => Effect.runSync(Effect.flip(parse(text)))))).toBeLessThan(1000)
  })
})

describe("a text that is not a reference", () => {
  const refused = (text: string) =>
    parse(text).pipe(
      Effect.flip,
      Effect.map((error) => (error._tag === "InvalidReference" ? error : undefined)),
      environment({})
    )

  it.effect("is answered with what was probably meant", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["docker://debian:12", "debian:12"],
        [`docker://debian:12@${sha256}`, `debian:12@${sha256}`],
        ["https://ghcr.io/org/app:1", "ghcr.io/org/app:1"],
        ["http://localhost:5000/app", "localhost:5000/app"],
        ["HTTPS://GHCR.io/Org/App", "ghcr.io/org/app"],
        ["https://ghcr.io/v2/org/app/manifests/1.2", "ghcr.io/org/app:1.2"],
        [`https://ghcr.io/v2/org/app/manifests/${sha256}`, `ghcr.io/org/app@${sha256}`],
        ["https://hub.docker.com/_/debian", "debian"],
        ["https://hub.docker.com/r/grafana/grafana/tags?page=1", "grafana/grafana"],
        ["hub.docker.com/_/debian", "debian"],
        ["https://quay.io/repository/prometheus/prometheus?tab=tags", "quay.io/prometheus/prometheus"],
        ["https://github.com/org/app/pkgs/container/app", "ghcr.io/org/app"],
        ["docker:debian:12", "debian:12"],
        ["docker pull debian:12", "debian:12"],
        ["docker-daemon:org/app:1", "docker-archive:FILE"],
        ["containers-storage:localhost/app:1", "docker-archive:FILE"],
        ["oci-layout:/tmp/layout", "oci:/tmp/layout"],
        ["dir:/tmp/layout", "oci:/tmp/layout"],
        ["./layout", "oci:./layout"],
        ["/tmp/app.tar", "docker-archive:/tmp/app.tar"],
        ["file:///tmp/app.tar.gz", "docker-archive:/tmp/app.tar.gz"],
        ["Debian:12", "debian:12"],
        ["ghcr.io//org/app/", "ghcr.io/org/app"],
        ["debian:", "debian"],
        ["debian@12", "debian:12"]
      ]
      for (const [input, suggestion] of cases) {
        const error = yield* refused(input)
        expect(error?.suggestion, input).toBe(suggestion)
        expect(error?.advice, input).toBe(`Write ${suggestion} instead.`)
      }
    })
  )

  it.effect("over plain HTTP needs an option as well, unless it is this machine's", () =>
    Effect.gen(function* () {
      expect((yield* refused("http://r.test:5000/app"))?.advice).toBe(
        "Write r.test:5000/app instead, with `plainHttp`."
      )
    })
  )

  it.effect("is answered with the grammar where nothing is known, or what is proposed would not do", () =>
    Effect.gen(function* () {
      for (const input of [
        "",
        "a b",
        "https://",
        "https://ghcr.io/",
        "docker://a b",
        "a".repeat(2000),
        "https://x/a?b/c"
      ]) {
        const error = yield* refused(input)
        expect(error?.suggestion, input).toBeUndefined()
        expect(error?.advice, input).toMatch(/^Write it as \[registry/)
      }
    })
  )

  it.effect("never repeats a password that stood in it", () =>
    Effect.gen(function* () {
      for (const scheme of ["https", "docker", "ftp"]) {
        const error = yield* refused(`${scheme}://user:hunter2@ghcr.io/org/app`)
        expect(error?.suggestion).toBe("ghcr.io/org/app")
        expect(JSON.stringify(error)).not.toContain("hunter2")
      }
    })
  )

  test("gives a suggestion that is itself a reference, whatever it was", () => {
    const part = fc.constantFrom(
      ..."docker https oci :// : / @ . ~ - _ Debian debian ghcr.io v2 manifests 12 localhost".split(" "),
      sha256
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const error = Effect.runSync(
          Effect.flip(parse(parts.join(""))).pipe(
            Effect.orElseSucceed(() => undefined),
            environment({})
          )
        )
        if (error?._tag !== "InvalidReference" || error.suggestion === undefined) return
        if (/^(?:oci|oci-archive|docker-archive):/.test(error.suggestion)) return
        Effect.runSync(parse(error.suggestion).pipe(environment({})))
      }),
      { numRuns: runs(2000) }
    )
  })
})
