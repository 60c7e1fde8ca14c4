// Preview: the ranking page on one comparison for those who set a project up; nothing is sent or kept.

import { listen } from "./commands.js";
import { part } from "./dom.js";
import { enableDragging } from "./drag.js";
import { t, useMessages } from "./messages.js";
import { begin, reduce } from "./state.js";
import { View } from "./view.js";
import { sentence, taskSentence } from "./words.js";

const page = JSON.parse(part("page-data").textContent);
useMessages(page.messages);
const NOTHING_SENT = t("notice.preview");

/** The page without a service behind it. */
class Preview {
  state = begin(page.task);
  store = { get: (key, otherwise) => otherwise, set: () => {} };
  history = { open: () => this.say(NOTHING_SENT) };

  constructor() {
    this.view = new View((action, input) => this.act(action, input));
    enableDragging(document, (action, input) => this.act(action, input));
    this.guard = listen(this);
    this.view.show(this.state);
    this.guard.changed();
    this.view.focusCard(0);
    this.say(taskSentence(this.state));
  }

  act(action, input = null) {
    const before = this.state;
    this.state = reduce(before, action);
    if (action.show) this.view.focusCard(this.state.focus);
    if (this.state === before) return;
    this.view.update(this.state);
    if (input === "keyboard" && this.state.focus !== before.focus) this.view.focusCard(this.state.focus);
    this.say(sentence(before, this.state, action));
  }

  undo() {
    if (this.state.past.length) this.act({ type: "undo" }, "keyboard");
  }

  submit() {
    this.view.notice("preview", NOTHING_SENT);
  }

  skip() {
    this.view.notice("preview", NOTHING_SENT);
  }

  async ask() {
    this.view.notice("preview", NOTHING_SENT);
  }

  undoSubmission() {}

  goOn() {}

  showGuideline() {
    this.view.notice("preview", "Annotators read the guideline here.");
  }

  say(text) {
    if (text) part("live").textContent = text;
  }
}

new Preview();
