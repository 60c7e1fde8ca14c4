// Panels: the dialogs over the page, each opened by a key or a button and left by Escape.

import { element, fill, part } from "./dom.js";
import { markdown } from "./markdown.js";
import { t } from "./messages.js";

const SKIP_KEY = /^(?:Digit|Numpad)([1-9])$/;

/** Whether a dialog lies over the page. */
export function isOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/** Open a dialog; its close buttons close it. */
export function open(id) {
  const dialog = part(id);
  for (const button of dialog.querySelectorAll("[data-close]")) button.onclick = () => dialog.close();
  if (!dialog.open) dialog.showModal();
  return dialog;
}

/** Ask why a task is skipped; `skip(reason, note)` once that is said. */
export function openSkip(reasons, skip) {
  const dialog = part("skip-dialog");
  const note = part("skip-note");
  note.value = "";
  const send = (reason) => (dialog.close(), skip(reason, note.value.trim() || null));
  const buttons = reasons.map((reason, i) => {
    const button = element("button", { type: "button", class: "reason" }, element("kbd", {}, String(i + 1)), reason.label);
    button.addEventListener("click", () => send(reason.name));
    return button;
  });
  fill(part("skip-reasons"), ...buttons);
  dialog.onkeydown = (event) => {
    const digit = SKIP_KEY.exec(event.code);
    if (!digit || event.target === note || event.repeat || event.isComposing) return;
    event.preventDefault();
    buttons[Number(digit[1]) - 1]?.click();
  };
  open("skip-dialog");
  buttons[0]?.focus();
}

/** Take a question to the lead; `send(text)` resolves once it is there, and may throw what went wrong. */
export function openQuestion(send) {
  const dialog = open("question-dialog");
  const text = part("question-text");
  const problem = part("question-problem");
  problem.textContent = "";
  text.focus();
  part("question-form").onsubmit = async (event) => {
    event.preventDefault();
    const asked = text.value.trim();
    if (!asked) return text.focus();
    try {
      await send(asked);
    } catch (error) {
      problem.textContent = t("panel.not_sent", { message: error.message });
      return;
    }
    text.value = "";
    dialog.close();
  };
}

/** Show the guideline; with `changed` its changes stand first, and it stays until the annotator says it was read. */
export function openGuideline(guideline, { changed, acknowledge }) {
  const dialog = part("guideline-dialog");
  part("guideline-title").textContent = t(changed ? "panel.guideline_changed" : "panel.guideline", guideline);
  const changes = changed && guideline.changes
    ? [element("h3", {}, t("panel.what_changed")), ...markdown(guideline.changes), element("hr")]
    : [];
  fill(part("guideline-text"), ...changes, ...markdown(guideline.markdown));
  part("guideline-read").hidden = !changed;
  part("guideline-close").hidden = changed;
  part("guideline-read").onclick = () => {
    dialog.close();
    acknowledge();
  };
  dialog.oncancel = (event) => {
    if (changed) event.preventDefault();
  };
  open("guideline-dialog");
}
