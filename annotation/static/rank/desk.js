// Desk: which task lies before the annotator, which one waits behind it, and what becomes of the one that is done.

import { Refused, Unreachable } from "./api.js";

const RETRY_MS = 3000;
const LOOK_AGAIN_MS = 60000; // where there was no task, others may have let one go
const HEARTBEAT_SHARE = 3; // heartbeats within the life of a lease
const IN_USE_MS = 300000; // a page that nobody has touched for this long lets its tasks go
const SOONEST_BEAT_MS = 5000; // however wrong the browser's clock is
const LATEST_BEAT_MS = 60000;

/**
 * Holds the tasks of one page. Tells `show(task)`, `empty(reason)`, `mine(counts)`, `lost(task, error)`,
 * `waiting()` where no task is there yet, and `signedOut()`.
 */
export class Desk {
  #current = null;
  #behind = []; // tasks that come next: one fetched ahead, or put back by a revision
  #fetching = null;
  #timer = null;

  constructor({ api, outbox, clock, tells }) {
    Object.assign(this, { api, outbox, clock, tells });
    window.addEventListener("online", () => this.#current || this.advance());
  }

  get current() {
    return this.#current;
  }

  /** Show the next task: the one that waits, or one from the service. */
  async advance({ quietly = false } = {}) {
    this.#current = null;
    const waiting = this.#behind.shift();
    if (waiting) return this.#lay(waiting);
    if (!quietly) this.tells.waiting();
    const found = await this.#fetch();
    if (this.#current) return;
    if (!found) return this.#lookAgain(RETRY_MS, quietly);
    if (found.stop) return;
    if (found.task) return this.#lay(found.task);
    this.tells.empty(found.reason);
    this.#lookAgain(LOOK_AGAIN_MS, true);
  }

  #lookAgain(wait, quietly) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#current || this.#fetching || this.advance({ quietly }), wait);
  }

  /** Lay a task before the one on the page, which comes after it. */
  interrupt(task) {
    if (this.#current) this.#behind.unshift(this.#current);
    this.#lay(task);
  }

  /** Fetch the next task ahead, once the last answer has arrived: the service lends two tasks at most. */
  async fetchAhead() {
    await this.outbox.flush();
    if (this.#behind.length || !this.#current || this.#current.revises || this.#current.mode === "practice") return;
    const found = await this.#fetch();
    // Without a task on the desk `advance` waits for the same answer and lays it.
    if (!found?.task || !this.#current) return;
    const isHere = [this.#current, ...this.#behind].some((task) => task.id === found.task.id);
    if (!isHere) this.#behind.push(found.task);
  }

  /** Take a task off the desk that the service has given to someone else. */
  lose(id, error) {
    this.#behind = this.#behind.filter((task) => task.id !== id);
    if (this.#current?.id !== id) return;
    this.tells.lost(this.#current, error);
    this.advance();
  }

  #lay(task) {
    this.#current = task;
    this.#beat(task);
    this.tells.show(task);
    this.fetchAhead();
  }

  #fetch() {
    this.#fetching ??= this.#ask().finally(() => (this.#fetching = null));
    return this.#fetching;
  }

  // The service's answer; null where it is worth asking again soon, { stop } where it is not.
  async #ask() {
    await this.outbox.flush();
    const exclude = [this.#current, ...this.#behind].filter(Boolean).map((task) => task.id);
    try {
      const found = await this.api.next(exclude);
      this.tells.mine(found.mine);
      return found;
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      if (error instanceof Unreachable || error.passing || error.code === "too-many-tasks") return null;
      if (error.signedOut) this.tells.signedOut();
      else if (!this.#current) this.tells.empty(error.message);
      return { stop: true };
    }
  }

  #beat(task) {
    const life = Date.parse(task.expires_at) - Date.now();
    const wait = Math.min(Math.max(life / HEARTBEAT_SHARE, SOONEST_BEAT_MS), LATEST_BEAT_MS);
    const timer = setInterval(async () => {
      const isHere = task === this.#current || this.#behind.includes(task);
      if (!isHere) return clearInterval(timer);
      if (!this.clock.isUsed(IN_USE_MS)) return;
      try {
        await this.api.heartbeat(task.id);
      } catch (error) {
        if (error instanceof Refused && error.status === 410) this.lose(task.id, error);
        else if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      }
    }, wait);
  }
}
