// Commands: what each key and each button of the page does.

import { missing } from "./answer.js";
import { part } from "./dom.js";
import { Guard, commandOf, isCharacter, isWriting } from "./keys.js";
import { letter, t } from "./messages.js";
import { isOpen, open, openQuestion, openSkip } from "./panels.js";
import { lackSentence } from "./words.js";

const STRENGTHS = 3;

/** Listen to keys and buttons on behalf of a page; gives the guard that deadens keys when the task changes. */
export function listen(page) {
  const guard = new Guard();
  const flagging = new Flagging(page);
  window.addEventListener("keyup", (event) => guard.up(event), true);
  window.addEventListener("blur", () => guard.forget());
  document.addEventListener("keydown", (event) => {
    const counts = guard.down(event);
    if (flagging.takes(event, counts)) return event.preventDefault();
    const command = commandOf(event);
    if (!command || isOpen()) return;
    if (isWriting(event.target)) {
      if (command.name === "leave") leave(page, event);
      return;
    }
    if (!isOn(page) && isCharacter(event)) return;
    if (command.name === "submit" && event.target.closest?.("button, a, summary")) return;
    const isStep = ["previousCard", "nextCard"].includes(command.name);
    if (isStep && event.target.matches?.("input[type=radio]")) return;
    event.preventDefault();
    if (counts || (isStep && event.repeat)) COMMANDS[command.name](page, command, flagging);
  });
  for (const button of document.querySelectorAll("[data-command]")) {
    button.addEventListener("click", () => COMMANDS[button.dataset.command](page, {}, flagging));
  }
  part("shortcuts").checked = isOn(page);
  part("shortcuts").addEventListener("change", (event) => {
    page.store.set("shortcuts", event.target.checked);
    page.say(t(event.target.checked ? "said.keys_on" : "said.keys_off"));
  });
  return guard;
}

function isOn(page) {
  return page.store.get("shortcuts", true);
}

const canRank = (page) => page.state && !page.state.veiled && !page.state.feedback;

const COMMANDS = {
  tier: (page, { tier }) => {
    if (!canRank(page)) return;
    if (tier > page.state.k) return page.say(t("said.no_tier", { count: page.state.k }));
    page.act({ type: "place", tier }, "keyboard");
  },
  aside: (page) => canRank(page) && page.act({ type: "aside" }, "keyboard"),
  unplace: (page) => canRank(page) && page.act({ type: "unplace" }, "keyboard"),
  card: (page, { card }) => focus(page, card),
  previousCard: (page) => focus(page, page.state?.focus - 1),
  nextCard: (page) => focus(page, page.state?.focus + 1),
  flags: (page, command, flagging) => canRank(page) && flagging.begin(),
  note: (page) => !part("note-part").hidden && page.state && part("note").focus(),
  prompt: () => window.scrollTo(0, 0),
  bothBad: (page) => {
    if (!canRank(page)) return;
    const hasFlag = page.state.task.form.flags.some(({ name }) => name === "bad");
    if (page.state.k !== 2 || !hasFlag) return page.say(t("said.both_bad_not_here"));
    page.act({ type: "bothBad" }, "keyboard");
  },
  nextCriterion: (page) => {
    if (!canRank(page)) return;
    const count = page.state.task.form.criteria.length;
    if (count > 1) page.act({ type: "criterion", index: (page.state.criterion + 1) % count }, "keyboard");
  },
  strength: (page) => {
    if (!canRank(page) || part("strength").hidden) return;
    const checked = part("strength").querySelector("input:checked");
    page.act({ type: "strength", value: ((Number(checked?.value) || 0) % STRENGTHS) + 1 }, "keyboard");
  },
  veil: (page) => page.state && page.act({ type: "veil", on: !page.state.veiled }, "keyboard"),
  undo: (page) => page.undo(),
  undoSubmission: (page) => page.undoSubmission(),
  skip: (page) => {
    if (!page.state || page.state.feedback) return;
    openSkip(page.state.task.form.skip_reasons, (reason, note) => page.skip(reason, note));
  },
  ask: (page) => page.state && openQuestion((text) => page.ask(text)),
  guideline: (page) => page.showGuideline(),
  older: (page) => page.history.open(),
  newer: (page) => page.history.open(),
  keyMap: () => open("keys-dialog"),
  giveUp: (page) => page.goOn(),
  leave: () => {},
  submit,
};

// With several criteria Enter first leads through all of them.
function submit(page) {
  if (!page.state) return;
  if (page.state.feedback) return page.goOn();
  const [lack] = missing(page.state);
  if (!lack) return page.submit();
  const index = page.state.task.form.criteria.findIndex(({ name }) => name === lack.name);
  const moves = lack.what === "unplaced" && index !== page.state.criterion;
  if (moves) return page.act({ type: "criterion", index }, "keyboard");
  page.say(lackSentence(page.state));
  if (lack.cards.length) focus(page, lack.cards[0]);
  if (lack.what === "unseen") page.view.showEnd(lack.cards[0]);
  if (lack.what === "note") part("note").focus();
}

function focus(page, card) {
  if (!page.state || !(card >= 0 && card < page.state.k)) return;
  page.act({ type: "focus", card }, "keyboard");
  page.view.focusCard(card);
}

function leave(page, event) {
  event.preventDefault();
  page.view.focusCard(page.state?.focus ?? 0);
}

/** While it is on, keys set the flags of one card; any key that is no flag ends it. */
class Flagging {
  #card = null;

  constructor(page) {
    this.page = page;
    document.addEventListener("pointerdown", () => this.#end());
  }

  begin() {
    const { state, view } = this.page;
    if (!state.task.form.flags.length) return;
    this.#card = state.focus;
    view.markFlags(this.#card);
    const names = state.task.form.flags.map((flag, i) => `${keyOf(flag, i)} ${flag.label}`).join(t("rank.comma"));
    this.page.say(t("said.flagging", { card: letter(this.#card), flags: names }));
  }

  /** Whether the key was meant for the flags. */
  takes(event, counts) {
    if (this.#card === null || event.isComposing) return false;
    const { state } = this.page;
    const typed = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(event.code)?.[1].toLowerCase();
    const flag = state?.task.form.flags.find((one, i) => [typed, event.key].includes(keyOf(one, i)));
    if (flag && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (counts) this.page.act({ type: "flag", card: this.#card, name: flag.name }, "keyboard");
      return true;
    }
    if (["ShiftLeft", "ShiftRight"].includes(event.code)) return false;
    this.#end();
    return ["Escape", "Enter", "NumpadEnter", "KeyM"].includes(event.code);
  }

  #end() {
    this.#card = null;
    this.page.view.markFlags(null);
  }
}

function keyOf(flag, i) {
  return flag.key || String(i + 1);
}
