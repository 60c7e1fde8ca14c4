// Tray: the tiers at the foot of the page, with a chip for each card, and what still stands before Submit.

import { missing } from "./answer.js";
import { element, fill, part, toggle } from "./dom.js";
import { letter, letters, t } from "./messages.js";
import { ASIDE, current, placesOf } from "./state.js";

/** Make the slots and chips of a task. What is done is told as `act(action, input)`. */
export function buildTray(task, act) {
  const k = task.completions.length;
  part("tray").dataset.k = k;
  const slots = [
    slot("", t("rank.unplaced"), null),
    ...task.completions.map((_, i) => slot(i + 1, tierName(i + 1, k), () => act({ type: "place", tier: i + 1 }, "pointer"))),
    slot(ASIDE, t("rank.aside"), () => act({ type: "aside" }, "pointer")),
  ];
  fill(part("slots"), ...slots);
  const chips = task.completions.map((_, card) => {
    const chip = element("button", { type: "button", class: "chip", "data-drag": card, "data-chip": card }, letter(card));
    chip.addEventListener("click", () => act({ type: "focus", card, show: true }, "pointer"));
    return chip;
  });
  slots[0].querySelector(".chips").append(...chips);
  const tabs = task.form.criteria.map(({ label, instruction }, index) => {
    const tab = element("button", { type: "button", class: "criterion", title: instruction || null }, label);
    tab.addEventListener("click", () => act({ type: "criterion", index }, "pointer"));
    return tab;
  });
  fill(part("criteria"), ...tabs);
  part("criteria").hidden = tabs.length < 2;
}

/** Bring the tray up to the state. */
export function updateTray(state) {
  const lacks = missing(state);
  placesOf(state).forEach((place, card) => {
    const chip = part("slots").querySelector(`[data-chip="${card}"]`);
    const home = part("slots").querySelector(`[data-slot="${place ?? ""}"] .chips`);
    if (chip.parentElement !== home) insertInOrder(home, chip, card);
    toggle(chip, "data-focus", state.focus === card);
    toggle(chip, "data-unread", !state.seen[card]);
    chip.setAttribute("aria-label", t(state.seen[card] ? "rank.chip" : "rank.chip_unread", { card: letter(card) }));
  });
  [...part("criteria").children].forEach((tab, index) => {
    tab.setAttribute("aria-pressed", index === state.criterion);
    const { name } = state.task.form.criteria[index];
    toggle(tab, "data-done", !lacks.some((lack) => lack.what === "unplaced" && lack.name === name));
  });
  updateStrength(state);
  const submit = part("submit");
  submit.disabled = lacks.length > 0;
  part("lacks").textContent = lacks.length ? lackText(state, lacks[0]) : t("rank.ready");
}

/** What is missing, as a sentence. */
export function lackText(state, { what, cards, name }) {
  const parts = { unplaced: "criteria", rule: "rules", question: "questions" };
  const label = parts[what] ? state.task.form[parts[what]].find((one) => one.name === name).label : "";
  const many = state.task.form.criteria.length > 1 && what === "unplaced";
  return t(many ? "lacks.unplaced_under" : `lacks.${what}`, { cards: letters(cards), label });
}

function slot(place, name, put) {
  const title = put
    ? element("button", { type: "button", class: "slot-name" }, ...name)
    : element("span", { class: "slot-name" }, name);
  if (put) title.addEventListener("click", put);
  const label = typeof name === "string" ? name : name.map((one) => one.textContent ?? one).join(" ");
  return element(
    "div",
    { class: "slot", "data-slot": place, role: "group", "aria-label": label },
    title,
    element("div", { class: "chips" }),
  );
}

function tierName(tier, k) {
  const end = tier === 1 ? t("rank.best") : tier === k ? t("rank.worst") : null;
  const number = element("span", { class: "number-of" }, String(tier));
  return end ? [number, element("span", { class: "end" }, end)] : [number];
}

function insertInOrder(home, chip, card) {
  const hadFocus = document.activeElement === chip;
  const after = [...home.children].find((other) => Number(other.dataset.chip) > card);
  home.insertBefore(chip, after ?? null);
  if (hadFocus) chip.focus({ preventScroll: true });
}

function updateStrength(state) {
  const [one, two] = placesOf(state);
  const isAsked = state.task.form.strength && state.k === 2 && one !== two && Number.isInteger(one) && Number.isInteger(two);
  part("strength").hidden = !isAsked;
  for (const radio of part("strength").querySelectorAll("input")) {
    radio.checked = Number(radio.value) === state.said.strength[current(state)];
  }
}
