// Outbox: answers on their way to the service; each is kept until the service has it, and sent again until then.

import { Refused, Unreachable } from "./api.js";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30000;

/**
 * Sends entries { kind, task, body, key } one after another.
 * Tells `sent(entry, answer)`, `refused(entry, error)` and `state("idle" | "sending" | "waiting" | "signed-out")`.
 */
export class Outbox {
  #running = null;
  #wake = null;

  constructor({ api, store, sent, refused, state }) {
    Object.assign(this, { api, store, sent, refused, state });
    window.addEventListener("online", () => this.#wake?.());
  }

  get entries() {
    return this.store.get("outbox", []);
  }

  /** Keep an answer and begin to send. */
  add(entry) {
    this.store.set("outbox", [...this.entries, entry]);
    return this.flush();
  }

  /** Send all there is; resolves when nothing is left, or the annotator has to sign in. */
  flush() {
    this.#wake?.();
    this.#running ??= this.#sendAll().finally(() => (this.#running = null));
    return this.#running;
  }

  async #sendAll() {
    let wait = FIRST_WAIT_MS;
    for (let entry = this.entries[0]; entry; entry = this.entries[0]) {
      this.state("sending");
      try {
        const answer = await this.api.answer(entry.kind, entry.task, entry.body, entry.key);
        this.#drop(entry);
        wait = FIRST_WAIT_MS;
        this.sent(entry, answer);
      } catch (error) {
        if (error instanceof Refused && error.signedOut) return this.state("signed-out");
        if (error instanceof Unreachable || (error instanceof Refused && error.passing)) {
          this.state("waiting");
          await this.#pause(wait);
          wait = Math.min(2 * wait, LONGEST_WAIT_MS);
        } else if (error instanceof Refused) {
          this.#drop(entry);
          this.refused(entry, error);
        } else throw error;
      }
    }
    this.state("idle");
  }

  #drop(entry) {
    this.store.set("outbox", this.entries.filter((one) => one.key !== entry.key));
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => (clearTimeout(timer), resolve());
    }).finally(() => (this.#wake = null));
  }
}
