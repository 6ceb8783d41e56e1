/** The page: a list of pulls that is kept up to date, the images in the store, and the files of an image. */
import { formatBytes, formatDuration, formatSpeed, type LayerView, type PullView } from "ociflow/progress"
import { overFetch, remotePulls, type TrackedPull } from "ociflow/remote"
import { auditTime, distinctUntilChanged, map, Subscription, skip } from "rxjs"

const pulls = remotePulls(overFetch("/pulls"))

/** Milliseconds between two updates of a row: often enough for the eye. */
const interval = 200

const find = <E extends HTMLElement>(selector: string, within: ParentNode = document): E => {
  const found = within.querySelector<E>(selector)
  if (found === null) throw new Error(`the page has no ${selector}`)
  return found
}
const copy = (id: string): HTMLElement => {
  const first = find<HTMLTemplateElement>(`#${id}`).content.firstElementChild?.cloneNode(true)
  return first as HTMLElement
}
/** Only what differs is written, which is what costs. */
const say = (element: HTMLElement, text: string) => {
  if (element.textContent !== text) element.textContent = text
}
const show = (element: HTMLElement, isShown: boolean) => {
  element.hidden = !isShown
}
const fill = (bar: HTMLElement, fraction: number, label: string) => {
  const percent = String(Math.floor(100 * fraction))
  if (bar.getAttribute("aria-valuenow") !== percent) bar.setAttribute("aria-valuenow", percent)
  if (bar.getAttribute("aria-label") !== label) bar.setAttribute("aria-label", label)
  find("i", bar).style.transform = `scaleX(${fraction})`
}
/** What it does is seen; what it does it to is heard too. */
const label = (button: HTMLElement, text: string, subject: string) => {
  say(button, text)
  button.setAttribute("aria-label", `${text} ${subject}`)
}
const button = (text: string, name: string, act: () => void): HTMLButtonElement => {
  const made = document.createElement("button")
  made.textContent = text
  made.setAttribute("aria-label", name)
  made.addEventListener("click", act)
  return made
}
const problem = find("#problem")
const tell = (error: { readonly message: string; readonly advice?: string | undefined }) =>
  say(problem, [error.message, error.advice].filter(Boolean).join(" "))

const ask = async <A>(what: string, asked: Readonly<Record<string, string>> = {}): Promise<A> => {
  const response = await fetch(`/store/${what}?${new URLSearchParams(asked)}`, { method: "POST" })
  const answer = await response.json()
  if (!response.ok) throw answer.error
  return answer
}

// ------------------------------------------------------------------------------------------------------------- a pull

const phases: Readonly<Record<LayerView["phase"], string>> = {
  queued: "queued",
  waiting: "another pull has it",
  downloading: "downloading",
  extracting: "extracting",
  retrying: "waits",
  cached: "was in the store",
  done: "done"
}
const inSeconds = (at: number) => `tries again in ${Math.max(0, Math.ceil((at - Date.now()) / 1000))} s`

const numbersOf = (view: PullView): string =>
  [
    view.total === 0 ? "" : `${formatBytes(view.received)} of ${formatBytes(view.total)}`,
    view.phase === "pulling" ? formatSpeed(view.speed) : "",
    view.remaining === undefined || view.phase !== "pulling" ? "" : `${formatDuration(view.remaining)} left`,
    view.phase === "done" ? `in ${formatDuration(view.elapsed)}` : "",
    view.retry === undefined ? "" : `${view.retry.message}; ${inSeconds(view.retry.at)}`,
    view.quota === undefined ? "" : `quota: ${view.quota.remaining} of ${view.quota.limit} left`
  ]
    .filter(Boolean)
    .join(" · ")

const showLayer = (row: HTMLElement, layer: LayerView) => {
  const { digest, size, phase, retry } = layer
  const name = digest.slice(7, 19)
  say(find(".name", row), name)
  fill(find(".download", row), size === 0 ? 1 : layer.received / size, `download of ${name}`)
  fill(find(".extract", row), size === 0 ? 1 : layer.extracted / size, `extraction of ${name}`)
  say(find(".phase", row), retry === undefined ? `${phases[phase]}, ${formatBytes(size)}` : inSeconds(retry.at))
}

const showView = (row: HTMLElement, view: PullView) => {
  fill(find(".whole", row), view.fraction, `whole of ${view.reference}`)
  say(find(".numbers", row), numbersOf(view))
  say(find(".error", row), view.error === undefined ? "" : [view.error.message, view.error.advice].join(". "))
  const details = find<HTMLDetailsElement>("details", row)
  show(details, view.layers.length > 0)
  const inPlace = view.layers.filter(({ phase }) => phase === "done" || phase === "cached").length
  say(find("summary", row), `${inPlace} of ${view.layers.length} layers`)
  if (!details.open) return
  const list = find(".layers", row)
  while (list.children.length < view.layers.length) list.append(copy("layer"))
  for (const [at, layer] of view.layers.entries()) showLayer(list.children[at] as HTMLElement, layer)
}

const states: Readonly<Record<TrackedPull["state"], string>> = {
  running: "",
  done: "done",
  failed: "failed",
  cancelled: "cancelled",
  interrupted: "interrupted"
}

/** A row lives as long as its pull is on the list, so that focus and open details stay. */
class Row {
  readonly element = copy("pull")
  #watching = new Subscription()
  #view: PullView | undefined
  #shown = ""

  constructor({ id, reference }: TrackedPull) {
    say(find("h3", this.element), reference)
    for (const act of ["cancel", "resume", "forget"] as const) {
      const it = find(`.${act}`, this.element)
      label(it, it.textContent, reference)
      it.addEventListener("click", () => pulls[act](id).catch(tell))
    }
    find("details", this.element).addEventListener("toggle", () => {
      if (this.#view !== undefined) showView(this.element, this.#view)
    })
  }

  update({ id, reference, state, startedAt, view }: TrackedPull) {
    // What it is watched for comes by itself.
    const shown = `${state} ${startedAt}`
    if (this.#shown === shown) return
    this.#shown = shown
    const focused = this.element.contains(document.activeElement) ? document.activeElement : undefined
    const isRunning = state === "running"
    say(find(".state", this.element), states[state])
    show(find(".cancel", this.element), isRunning)
    show(find(".resume", this.element), !isRunning && state !== "done")
    label(find(".resume", this.element), state === "failed" ? "Try again" : "Resume", reference)
    show(find(".forget", this.element), !isRunning)
    // The button that had it is gone: the next one of this row gets it.
    if (focused instanceof HTMLElement && focused.hidden)
      [...this.element.querySelectorAll("button")].find((it) => !it.hidden)?.focus()
    this.#show(view)
    this.#watching.unsubscribe()
    if (isRunning)
      this.#watching = pulls
        .view$(id)
        .pipe(auditTime(interval))
        .subscribe((view) => this.#show(view))
  }

  remove() {
    this.#watching.unsubscribe()
    this.element.remove()
  }

  #show(view: PullView) {
    this.#view = view
    showView(this.element, view)
  }
}

const rows = new Map<string, Row>()
pulls.list$.pipe(auditTime(50)).subscribe({
  next: (list) => {
    const ids = new Set(list.map(({ id }) => id))
    for (const [id, row] of rows)
      if (!ids.has(id)) {
        row.remove()
        rows.delete(id)
      }
    for (const pull of list) {
      const row = rows.get(pull.id) ?? new Row(pull)
      rows.set(pull.id, row)
      // The latest on top; a row that has its place is not moved, which would lose the focus.
      if (row.element.parentElement === null) find("#pulls").prepend(row.element)
      row.update(pull)
    }
  },
  error: tell
})
pulls.list$
  .pipe(
    map((list) => list.filter(({ state }) => state === "done").length),
    distinctUntilChanged(),
    skip(1),
    auditTime(interval)
  )
  .subscribe(() => void showImages().catch(tell))
pulls.connected$.subscribe((is) => say(find("#connection"), is ? "connected" : "connecting …"))

find<HTMLFormElement>("#start").addEventListener("submit", (event) => {
  event.preventDefault()
  say(problem, "")
  pulls.start(find<HTMLInputElement>("#reference").value).catch(tell)
})

// ---------------------------------------------------------------------------------------------- the store and its files

interface StoredImage {
  readonly reference: string
  readonly size: number
}
interface FileEntry {
  readonly path: string
  readonly type: string
  readonly size: number
}

const showImages = async () => {
  const images = await ask<ReadonlyArray<StoredImage>>("images")
  find("#images").replaceChildren(
    ...images.map(({ reference, size }) => {
      const row = document.createElement("li")
      row.className = "row"
      const title = document.createElement("h3")
      title.textContent = reference
      const bytes = document.createElement("span")
      bytes.textContent = formatBytes(size)
      const remove = () => ask("remove", { reference }).then(showImages).catch(tell)
      row.append(
        title,
        bytes,
        button("Files", `Files of ${reference}`, () => browse(reference, "/")),
        button("Remove", `Remove ${reference}`, remove)
      )
      return row
    })
  )
}

const browse = async (reference: string, path: string) => {
  const dialog = find<HTMLDialogElement>("#browser")
  const content = find("#content")
  const entries = await ask<ReadonlyArray<FileEntry>>("list", { reference, path })
  say(find("#browser-title"), reference)
  say(find("#browser-path"), path)
  show(content, false)
  const up = path === "/" ? [] : [{ path: path.replace(/[^/]+\/?$/, ""), type: "directory", size: 0, name: ".." }]
  const named = entries.map((entry) => ({ ...entry, name: entry.path.split("/").at(-1) ?? "" }))
  find("#entries").replaceChildren(
    ...[...up, ...named].map(({ path, type, size, name }) => {
      const row = document.createElement("li")
      const isDirectory = type === "directory"
      const read = async () => {
        const { text } = await ask<{ readonly text: string }>("read", { reference, path })
        say(content, text)
        show(content, true)
      }
      row.append(
        button(isDirectory ? `${name}/` : `${name} (${formatBytes(size)})`, name, () =>
          (isDirectory ? browse(reference, `/${path}`.replace(/^\/+/, "/")) : read()).catch(tell)
        )
      )
      return row
    })
  )
  if (!dialog.open) dialog.showModal()
}

const begin = async () => {
  const offer = await ask<{ readonly names: ReadonlyArray<string>; readonly many: ReadonlyArray<string> }>("offer")
  find("#offer").replaceChildren(...offer.names.map((name) => new Option(name)))
  const reference = find<HTMLInputElement>("#reference")
  // Somebody may have typed one meanwhile.
  reference.value ||= offer.names[0] ?? ""
  find("#many").addEventListener("click", async () => {
    // One after the other, so that each call is a short task of the page.
    for (const name of offer.many) await pulls.start(name).catch(tell)
  })
  await showImages()
}
begin().catch(tell)
