// History: the annotator's own submissions in a panel, to look at again and to change.

import { element, fill, part } from "./dom.js";
import { letter, t } from "./messages.js";
import { open } from "./panels.js";

/** The panel of own submissions; `revise(id)` opens one again. */
export class History {
  #entries = [];
  #at = 0;
  #ended = false;

  constructor({ api, revise, failed }) {
    Object.assign(this, { api, revise, failed });
    part("history-dialog").addEventListener("keydown", (event) => this.#key(event));
  }

  /** Open the panel on the latest submission. */
  async open() {
    this.#entries = [];
    this.#at = 0;
    this.#ended = false;
    open("history-dialog");
    await this.#more();
  }

  /** Move by one: older is 1, newer is -1. */
  async move(step) {
    if (this.#at + step >= this.#entries.length && !this.#ended) await this.#more();
    this.#at = Math.max(0, Math.min(this.#at + step, this.#entries.length - 1));
    this.#show();
  }

  #key(event) {
    if (event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { KeyJ: 1, ArrowDown: 1, KeyK: -1, ArrowUp: -1 }[event.code];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(step);
  }

  async #more() {
    try {
      const last = this.#entries[this.#entries.length - 1];
      const { submissions } = await this.api.history(last?.id);
      this.#entries.push(...submissions);
      this.#ended = submissions.length === 0;
    } catch (error) {
      part("history-dialog").close();
      return this.failed(error);
    }
    this.#show();
  }

  #show() {
    const rows = this.#entries.map((entry, i) => {
      const button = element(
        "button",
        { type: "button", class: "entry", "aria-current": i === this.#at ? "true" : null },
        element("span", { class: "when" }, new Date(entry.at).toLocaleString(document.documentElement.lang)),
        element("span", { class: "start", dir: "auto" }, entry.prompt_start),
        element("span", { class: "said" }, outcome(entry)),
      );
      button.addEventListener("click", () => (part("history-dialog").close(), this.revise(entry.id)));
      return element("li", {}, button);
    });
    fill(part("history-list"), ...rows);
    part("history-none").hidden = rows.length > 0;
    part("history-list").querySelector("[aria-current]")?.focus();
  }
}

function outcome(entry) {
  if (entry.outcome === "skipped") return t("history.skipped");
  return Object.values(entry.tiers).map(order).join(" · ");
}

/** Tiers as letters, best first: "B > A = C"; those set aside are left out. */
export function order(tiers) {
  const ranked = [...new Set(tiers.filter((tier) => tier !== null))].sort((a, b) => a - b);
  const together = (tier) => tiers.flatMap((one, card) => (one === tier ? [letter(card)] : [])).join(" = ");
  return ranked.map(together).join(" > ");
}
