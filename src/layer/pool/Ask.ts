/** What somebody asked for and waits for. */
export class Ask<A> {
  readonly promise: Promise<A>
  readonly resolve: (value: A) => void
  readonly reject: (error: unknown) => void

  constructor() {
    let settle: Pick<Ask<A>, "resolve" | "reject"> | undefined
    this.promise = new Promise<A>((resolve, reject) => {
      settle = { resolve, reject }
    })
    this.resolve = (value) => settle?.resolve(value)
    this.reject = (error) => settle?.reject(error)
  }
}
