// Main: the ranking page put together. State goes one way: an action, the next state, the page, the draft.

import { submission } from "./answer.js";
import { Api } from "./api.js";
import { Clock } from "./clock.js";
import { listen } from "./commands.js";
import { Desk } from "./desk.js";
import { part } from "./dom.js";
import { Drafts } from "./drafts.js";
import { enableDragging } from "./drag.js";
import { History } from "./history.js";
import { t, useMessages } from "./messages.js";
import { Outbox } from "./outbox.js";
import { openGuideline } from "./panels.js";
import { reduce } from "./state.js";
import { Store, randomKey } from "./store.js";
import { View } from "./view.js";
import { sentence, taskSentence } from "./words.js";

const page = JSON.parse(part("page-data").textContent);
useMessages(page.messages);

/** The page: what stands on it, and all that can be done. */
class Page {
  state = null;
  #read = [];
  #last = null; // the submission that undo opens again
  #practising = null;
  #acknowledged = new Set();

  constructor() {
    this.api = new Api(page.project, page.csrf);
    this.store = new Store(page.account, page.project);
    this.session = randomKey();
    this.clock = new Clock();
    this.view = new View((action, input) => this.act(action, input));
    this.drafts = new Drafts({ api: this.api, store: this.store, gone: (task, error) => this.desk.lose(task, error) });
    this.outbox = new Outbox({
      api: this.api,
      store: this.store,
      sent: (entry, answer) => this.#sent(entry, answer),
      refused: (entry, error) => this.#refused(entry, error),
      state: (state) => this.#connection(state),
    });
    this.desk = new Desk({ api: this.api, outbox: this.outbox, clock: this.clock, tells: this.#tells() });
    this.history = new History({
      api: this.api,
      revise: (id) => this.revise(id),
      failed: (error) => this.view.notice("failed", error.message),
    });
    enableDragging(document, (action, input) => this.act(action, input));
    this.guard = listen(this);
  }

  async start() {
    await this.desk.advance();
    const revise = new URLSearchParams(window.location.search).get("revise");
    if (!revise) return;
    window.history.replaceState(null, "", window.location.pathname);
    await this.revise(Number(revise));
  }

  /** Do something to the state, and let page, draft and live region follow. */
  act(action, input = null) {
    if (!this.state || (this.state.feedback && action.type !== "focus")) return;
    const before = this.state;
    this.state = reduce(before, action);
    if (action.show) this.view.focusCard(this.state.focus);
    if (this.state === before) return;
    if (action.type === "seen") this.#read[action.card] = this.clock.seconds();
    if (input) this.clock.acted(input);
    this.view.update(this.state);
    if (input === "keyboard" && this.state.focus !== before.focus) this.view.focusCard(this.state.focus);
    this.say(sentence(before, this.state, action));
    if (this.state.step !== before.step || action.type === "seen") this.drafts.keep(this.state, this.clock.seconds());
  }

  /** Send what was said; the next task comes at once. */
  submit() {
    const seconds = this.clock.seconds();
    const timings = this.clock.timings(this.#read);
    this.#send("submit", submission(this.state, { seconds, timings, session: this.session }));
  }

  /** Send a skip. */
  skip(reason, note) {
    const guideline = this.state.task.guideline?.version ?? null;
    this.#send("skip", { reason, note, guideline, seconds: this.clock.seconds(), session: this.session });
  }

  /** From the feedback on a practice ranking to the next task. */
  goOn() {
    this.desk.advance();
  }

  /** Take back the last step; on a task without steps, the last submission. */
  undo() {
    if (this.state?.past.length) return this.act({ type: "undo" }, "keyboard");
    if (!this.#last) return this.say(t("said.nothing_to_undo"));
    return this.undoSubmission();
  }

  async undoSubmission() {
    if (!navigator.onLine) return this.view.notice("failed", t("notice.undo_offline"));
    await this.outbox.flush();
    const id = this.#last?.id;
    if (id) await this.revise(id);
  }

  /** Open an own submission again. */
  async revise(id) {
    try {
      this.desk.interrupt(await this.api.revise(id));
      this.#last = null;
    } catch (error) {
      this.view.notice("failed", error.message);
    }
  }

  /** Put a question to the lead. */
  async ask(text) {
    await this.api.ask(this.state.task.id, text);
    this.say(t("said.asked"));
  }

  /** Show the guideline; where it is new to the annotator it has to be acknowledged. */
  async showGuideline(changed = false) {
    try {
      const guideline = await this.api.guideline(changed ? this.state.task.guideline.version : undefined);
      openGuideline(guideline, { changed, acknowledge: () => this.#acknowledge(guideline.version) });
    } catch (error) {
      this.view.notice("failed", error.code === "not-found" ? t("notice.no_guideline") : error.message);
    }
  }

  /** Let the live region say something. */
  say(text) {
    if (text) part("live").textContent = text;
  }

  // A task that was fetched ahead does not know of it; where it does not arrive, the next task announces the guideline again.
  async #acknowledge(version) {
    this.view.focusCard(this.state?.focus ?? 0, { scroll: false });
    this.#acknowledged.add(version);
    try {
      await this.api.acknowledge(version);
    } catch (error) {
      this.#acknowledged.delete(version);
      this.view.notice("failed", error.message);
    }
  }

  #send(kind, body) {
    const { task } = this.state;
    const entry = { kind, task: task.id, body, key: randomKey() };
    this.drafts.drop(task.id);
    this.#last = { key: entry.key, id: null };
    this.say(t(kind === "skip" ? "said.skipped" : "said.sent"));
    if (kind === "submit" && task.mode === "practice") {
      this.#practising = entry.key;
      part("submit").disabled = true;
      this.outbox.add(entry);
      return;
    }
    this.state = null;
    this.outbox.add(entry);
    this.desk.advance();
  }

  #sent(entry, answer) {
    if (this.#last?.key === entry.key) {
      this.#last.id = answer.submission;
      part("sent").hidden = false;
    }
    if (this.#practising !== entry.key) return;
    this.#practising = null;
    part("sent").hidden = true;
    this.#last = null;
    if (!answer.feedback || !this.state) return this.desk.advance();
    this.state = { ...this.state, feedback: answer.feedback };
    this.view.update(this.state);
    this.guard.changed();
    this.say(part("feedback-score").textContent);
    part("feedback").focus();
  }

  #refused(entry, error) {
    const message = { "already-answered": "notice.already_answered", "slot-taken": "notice.slot_taken" }[error.code];
    this.view.notice(`refused-${entry.key}`, message ? t(message) : t("notice.refused", { message: error.message }));
    if (this.#last?.key === entry.key) this.#last = null;
    if (this.#practising === entry.key) this.desk.advance();
  }

  #connection(state) {
    part("connection").dataset.state = state;
    part("connection").textContent = state === "waiting" ? t("notice.offline") : "";
    if (state === "signed-out") this.#signedOut();
  }

  #signedOut() {
    this.view.notice("signed-out", t("notice.signed_out"), {
      label: t("sign_in.title"),
      action: () => window.location.assign(`/sign-in`),
    });
  }

  #tells() {
    return {
      show: (task) => this.#show(task),
      waiting: () => this.#nothing(t("nothing.waiting")),
      empty: (reason) => this.#nothing(...emptyText(reason)),
      mine: ({ today, left }) => (part("counts").textContent = t("rank.counts", { today, left })),
      lost: () => this.view.notice("lost", t("notice.lost")),
      signedOut: () => this.#signedOut(),
    };
  }

  #show(task) {
    const { state, seconds } = this.drafts.restore(task);
    this.state = state;
    this.#read = state.seen.map((seen) => (seen ? seconds : null));
    this.clock.start(seconds);
    this.view.show(state);
    this.guard.changed();
    part("sent").hidden = !this.#last?.id && !this.#last?.key;
    if (document.querySelector("dialog[open]") === null) this.view.focusCard(state.focus, { scroll: false });
    this.say(taskSentence(state));
    if (task.guideline?.changed && !this.#acknowledged.has(task.guideline.version)) this.showGuideline(true);
  }

  #nothing(title, text = "") {
    this.state = null;
    this.view.showNothing(title, text);
  }
}

function emptyText(reason) {
  const known = ["nothing-left", "paused", "outside-hours", "not-qualified", "withdrawn"];
  if (!known.includes(reason)) return [t("nothing.refused"), reason];
  const key = reason.replaceAll("-", "_");
  return [t(`nothing.${key}`), t(`nothing.${key}_text`)];
}

new Page().start();
