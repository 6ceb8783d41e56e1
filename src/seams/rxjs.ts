/** RxJS by its own modules: its barrel costs each extraction worker 0.1 s of CPU at its start. */
export { BehaviorSubject } from "rxjs/internal/BehaviorSubject"
export { Observable } from "rxjs/internal/Observable"
export { distinctUntilChanged } from "rxjs/internal/operators/distinctUntilChanged"
export { tap } from "rxjs/internal/operators/tap"
export { Subject } from "rxjs/internal/Subject"
