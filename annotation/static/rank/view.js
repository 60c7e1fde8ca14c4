// View: the page brought up to the state; it changes nothing but the page.

import { buildCards, fillPrompt, updateCard } from "./cards.js";
import { element, fill, part, toggle } from "./dom.js";
import { markdown } from "./markdown.js";
import { letter, t } from "./messages.js";
import { Watch } from "./seen.js";
import { buildTray, updateTray } from "./tray.js";

/** The page of one annotator. What is done on it is told as `act(action, input)`. */
export class View {
  #cards = [];
  #watch = null;
  #state = null;

  constructor(act) {
    this.act = act;
    new ResizeObserver(() => this.#measure()).observe(part("tray"));
    window.addEventListener("resize", () => this.#watchCards());
    for (const radio of part("strength").querySelectorAll("input")) {
      radio.addEventListener("change", () => act({ type: "strength", value: Number(radio.value) }, "pointer"));
    }
    part("note").addEventListener("input", (event) => act({ type: "note", text: event.target.value }, "keyboard"));
    part("demonstration").addEventListener("input", (event) =>
      act({ type: "demonstration", text: event.target.value }, "keyboard"),
    );
    part("unveil").addEventListener("click", () => act({ type: "veil", on: false }, "pointer"));
  }

  /** Build the page of a task. */
  show(state) {
    const { task } = state;
    const { form } = task;
    this.#show("work");
    part("work").dataset.mode = task.mode;
    fillPrompt(part("prompt"), task.prompt);
    this.#cards = buildCards(task, this.act);
    part("cards").dataset.k = state.k;
    fill(part("cards"), ...this.#cards);
    buildTray(task, this.act);
    part("tray").hidden = false;
    part("note-part").hidden = form.note === "off";
    part("note-label").textContent = t(form.note === "required" ? "rank.note_required" : "rank.note");
    part("demonstration-part").hidden = form.demonstration === "off";
    part("mode").textContent = task.mode === "practice" ? t("rank.practice") : task.revises ? t("rank.revising") : "";
    part("give-up").hidden = !task.revises;
    part("veil-text").textContent = task.content_warning ?? t("rank.hidden");
    part("command-veil").hidden = false;
    fill(part("sources"), ...(form.demonstration === "edit" ? this.#sources(state) : []));
    this.update(state);
    window.scrollTo(0, 0);
    this.#watchCards();
  }

  /** Bring everything up to a state of the same task. */
  update(state) {
    const wasVeiled = this.#state?.veiled;
    this.#state = state;
    this.#cards.forEach((card, i) => updateCard(card, state, i));
    updateTray(state);
    toggle(part("work"), "data-veiled", state.veiled);
    part("veil").hidden = !state.veiled;
    for (const id of ["prompt", "cards", "extras"]) part(id).inert = state.veiled;
    if (wasVeiled && !state.veiled) this.#watchCards();
    const criterion = state.task.form.criteria[state.criterion];
    part("instruction").textContent = criterion.instruction || t("rank.instruction", { criterion: criterion.label });
    setValue(part("note"), state.said.note);
    setValue(part("demonstration"), state.said.demonstration ?? "");
    if (!part("demonstration-part").hidden) fill(part("preview"), ...markdown(state.said.demonstration ?? ""));
    this.#updateFeedback(state);
  }

  /** Give a card the keyboard, and bring it on screen where it is not; a new task stays at its prompt. */
  focusCard(card, { scroll = true } = {}) {
    const node = this.#cards[card];
    if (!node) return;
    const { top } = node.getBoundingClientRect();
    const floor = part("tray").getBoundingClientRect().top;
    const isHidden = top < roof().getBoundingClientRect().bottom || top > floor - 60;
    if (scroll && isHidden) node.scrollIntoView({ block: "start" });
    node.focus({ preventScroll: true });
  }

  /** Bring the end of a card on screen. */
  showEnd(card) {
    this.#cards[card]?.querySelector("[data-end=last]").scrollIntoView({ block: "end" });
  }

  /** Mark the card whose flags the keys set now; null for none. */
  markFlags(card) {
    this.#cards.forEach((node, i) => toggle(node, "data-flagging", i === card));
  }

  /** Say that there is no task: none yet, or none any more. */
  showNothing(text, detail = "") {
    this.#watch?.stop();
    this.#state = null;
    this.#show("nothing");
    part("tray").hidden = true;
    part("nothing-title").textContent = text;
    part("nothing-text").textContent = detail;
  }

  /** A message that stays until it is closed; another of the same id takes its place. */
  notice(id, text, { action = null, label = "" } = {}) {
    this.clearNotice(id);
    const close = element("button", { type: "button", class: "quiet" }, t("panel.close"));
    const node = element("div", { class: "notice", "data-notice": id, role: "status" }, element("span", {}, text));
    if (action) {
      const button = element("button", { type: "button", class: "quiet" }, label);
      button.addEventListener("click", () => (node.remove(), action()));
      node.append(button);
    }
    close.addEventListener("click", () => node.remove());
    node.append(close);
    part("notices").append(node);
  }

  clearNotice(id) {
    part("notices").querySelector(`[data-notice="${id}"]`)?.remove();
  }

  #show(id) {
    for (const one of ["work", "nothing"]) part(one).hidden = one !== id;
  }

  #sources(state) {
    return this.#cards.map((_, card) => {
      const button = element("button", { type: "button", class: "quiet" }, letter(card));
      button.addEventListener("click", () =>
        this.act({ type: "demonstration", text: state.task.completions[card].text }, "pointer"),
      );
      return button;
    });
  }

  #updateFeedback(state) {
    const { feedback } = state;
    part("feedback").hidden = !feedback;
    part("submit").querySelector(".label").textContent = t(feedback ? "rank.go_on" : "rank.submit");
    if (!feedback) return;
    part("feedback-score").textContent = t("rank.agrees", { percent: Math.round(100 * feedback.agrees) });
    fill(part("feedback-text"), ...markdown(feedback.explanation ?? ""));
    part("submit").disabled = false;
    part("lacks").textContent = "";
  }

  #watchCards() {
    this.#watch?.stop();
    if (!this.#state || this.#state.veiled) return;
    this.#watch = new Watch(this.#cards, {
      already: this.#state.seen,
      top: roof().getBoundingClientRect().bottom,
      bottom: part("tray").getBoundingClientRect().height,
      seen: (card) => this.act({ type: "seen", card }),
    });
  }

  #measure() {
    const { height } = part("tray").getBoundingClientRect();
    document.documentElement.style.setProperty("--tray", `${Math.ceil(height)}px`);
  }
}

// The bar that sticks to the top; on a phone its first row scrolls away.
function roof() {
  return document.querySelector("header");
}

function setValue(box, text) {
  if (box.value !== text) box.value = text;
}
