// Drafts: unsent work, kept in the browser at each action and on the service a moment later.

import { Refused } from "./api.js";
import { draft, restore } from "./answer.js";

const DELAY_MS = 300;
const RETRY_MS = 5000;

/** Keeps the draft of the task on the page; `gone(task, error)` says that the service holds it no more. */
export class Drafts {
  #timer = null;
  #pending = null;

  constructor({ api, store, gone }) {
    Object.assign(this, { api, store, gone });
    window.addEventListener("online", () => this.#pending && this.#save());
    window.addEventListener("pagehide", () => this.#pending && this.#save(true));
  }

  /** Keep what the state says. */
  keep(state, seconds) {
    this.#pending = { task: state.task.id, content: draft(state), seconds };
    this.store.set(`draft:${state.task.id}`, this.#pending);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), DELAY_MS);
  }

  /** The task's state and the seconds spent on it: from the service's draft or this browser's, whichever is later. */
  restore(task) {
    const local = this.store.get(`draft:${task.id}`);
    const isLater = (local?.content.step ?? -1) >= (task.draft?.step ?? 0);
    const seconds = Math.max(task.seconds_before ?? 0, local?.seconds ?? 0);
    return { state: restore(task, isLater ? local.content : task.draft), seconds };
  }

  /** The work was sent, or is not wanted any more. */
  drop(task) {
    if (this.#pending?.task === task) this.#pending = null;
    this.store.remove(`draft:${task}`);
  }

  async #save(keepalive = false) {
    const { task, content, seconds } = this.#pending ?? {};
    if (!task) return;
    const saved = this.#pending;
    try {
      await this.api.saveDraft(task, content, seconds, keepalive);
      if (this.#pending === saved) this.#pending = null;
    } catch (error) {
      if (error instanceof Refused && !error.passing) {
        if (this.#pending === saved) this.#pending = null;
        if (error.status === 410) this.gone(task, error);
      } else {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#save(), RETRY_MS);
      }
    }
  }
}
