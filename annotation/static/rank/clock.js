// Clock: the time that an annotator really spends on a task, and how they work.

const IDLE_MS = 60000;

/** Counts seconds while the page is visible and someone has moved within the last minute. */
export class Clock {
  #spent = 0;
  #since = performance.now();
  #moved = performance.now();
  #inputs = new Set();
  #first = null;

  constructor() {
    for (const type of ["keydown", "pointerdown", "pointermove", "wheel", "scroll"]) {
      window.addEventListener(type, () => this.#move(), { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => this.#count(document.hidden ? "hidden" : "shown"));
  }

  /** A task begins that has had this many seconds already. */
  start(seconds) {
    this.#spent = seconds * 1000;
    this.#since = this.#moved = performance.now();
    this.#inputs.clear();
    this.#first = null;
  }

  /** Note an action and what it was made with: keyboard, pointer or touch. */
  acted(input) {
    this.#first ??= this.seconds();
    this.#inputs.add(input);
  }

  /** Seconds spent so far, to a tenth. */
  seconds() {
    this.#count(document.hidden ? "still-hidden" : "shown");
    return Math.round(this.#spent / 100) / 10;
  }

  /** Whether someone has been at the page within these milliseconds. */
  isUsed(within) {
    return performance.now() - this.#moved < within;
  }

  /** What a submission says of how it was made; `read[p]` is when the card at p had been read. */
  timings(read) {
    const [only] = this.#inputs;
    return { first_action: this.#first, seen: read, input: this.#inputs.size === 1 ? only : "mixed" };
  }

  #move() {
    this.#count(document.hidden ? "still-hidden" : "shown");
    this.#moved = performance.now();
  }

  #count(now) {
    const time = performance.now();
    if (now !== "still-hidden") {
      this.#spent += Math.max(0, Math.min(time, this.#moved + IDLE_MS) - this.#since);
    }
    this.#since = time;
  }
}
