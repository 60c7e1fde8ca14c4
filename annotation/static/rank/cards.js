// Cards: one completion each, with the letter it goes by, its place, its flags and what is asked about it.

import { element, fill, toggle } from "./dom.js";
import { direction, markdown } from "./markdown.js";
import { letter, letters, t } from "./messages.js";
import { ASIDE, placesOf } from "./state.js";

/** The cards of a task. What is done on one is told as `act(action, input)`. */
export function buildCards(task, act) {
  return task.completions.map((completion, card) => buildCard(task, completion, card, act));
}

/** Bring a card up to the state. */
export function updateCard(node, state, card) {
  const place = placesOf(state)[card];
  node.dataset.place = place ?? "";
  toggle(node, "data-unread", !state.seen[card]);
  toggle(node, "data-focus", state.focus === card);
  node.querySelector(".place").textContent = placeText(state, card);
  const tied = tiedWith(state, card);
  node.querySelector(".ties").textContent = tied.length ? `= ${letters(tied)}` : "";
  node.querySelector("select.placing").value = place ?? "";
  for (const button of node.querySelectorAll("[data-flag]")) {
    button.setAttribute("aria-pressed", state.said.flags[card].includes(button.dataset.flag));
  }
  for (const field of node.querySelectorAll("[data-question], [data-rule]")) updateField(field, state, card);
  const last = node.querySelector(".agreed");
  last.hidden = !state.feedback;
  if (state.feedback) last.textContent = feedbackText(state, card);
}

/** "tier 2, tied with D", "set aside", or nothing. */
export function placeText(state, card) {
  const places = placesOf(state);
  if (places[card] === null) return "";
  if (places[card] === ASIDE) return t("rank.aside");
  const tied = tiedWith(state, card);
  const tier = t("rank.tier", { tier: places[card] });
  return tied.length ? t("rank.tied", { tier, cards: letters(tied) }) : tier;
}

function tiedWith(state, card) {
  const places = placesOf(state);
  const isTied = (place, other) => Number.isInteger(place) && place === places[card] && other !== card;
  return places.flatMap((place, other) => (isTied(place, other) ? [other] : []));
}

function buildCard(task, completion, card, act) {
  const name = letter(card);
  const text = completion.text.trim()
    ? markdown(completion.text)
    : [element("p", { class: "empty" }, t("rank.empty"))];
  const node = element(
    "div",
    {
      class: "card",
      role: "group",
      tabindex: 0,
      "data-card": card,
      "aria-labelledby": `name-${card}`,
      "aria-describedby": `place-${card}`,
    },
    element(
      "div",
      { class: "card-head" },
      element("span", { class: "letter", id: `name-${card}`, "data-drag": card, title: t("rank.drag") }, name),
      placing(task, card, act),
      element("span", { class: "ties", "aria-hidden": "true" }),
      element("span", { class: "place unseen", id: `place-${card}` }),
      flags(task, card, act),
    ),
    element(
      "div",
      { class: "text-of", dir: direction(completion.text) },
      element("span", { "data-end": "first" }),
      ...text,
      element("span", { "data-end": "last" }),
    ),
    element("p", { class: "agreed", hidden: true }),
    ...task.form.rules.map((rule) => ruleField(rule, card, act)),
    ...task.form.questions.map((question) => questionField(question, card, act)),
  );
  node.addEventListener("focusin", () => act({ type: "focus", card }));
  node.addEventListener("pointerdown", () => act({ type: "focus", card }));
  return node;
}

function placing(task, card, act) {
  const tiers = task.completions.map((_, i) => element("option", { value: i + 1 }, t("rank.tier", { tier: i + 1 })));
  const select = element(
    "select",
    { class: "placing", "aria-label": t("rank.place_of", { card: letter(card) }) },
    element("option", { value: "" }, t("rank.not_placed")),
    ...tiers,
    element("option", { value: ASIDE }, t("rank.aside")),
  );
  select.addEventListener("change", () => {
    if (select.value === "") act({ type: "unplace", card }, "pointer");
    else if (select.value === ASIDE) act({ type: "aside", card }, "pointer");
    else act({ type: "place", card, tier: Number(select.value) }, "pointer");
  });
  return select;
}

function flags(task, card, act) {
  if (!task.form.flags.length) return null;
  const label = t("rank.flags_of", { card: letter(card) });
  const row = element("div", { class: "flags", role: "group", "aria-label": label });
  task.form.flags.forEach((flag, i) => {
    const button = element(
      "button",
      { type: "button", class: "flag", "data-flag": flag.name, "aria-pressed": "false" },
      element("kbd", {}, flag.key || String(i + 1)),
      flag.label,
    );
    button.addEventListener("click", () => act({ type: "flag", card, name: flag.name }, "pointer"));
    row.append(button);
  });
  return row;
}

function ruleField(rule, card, act) {
  const values = ["yes", "no", "unsure"].map((value) => [value, t(`rank.${value}`)]);
  const field = radios(`rule-${rule.name}-${card}`, rule.label, values, (value) =>
    act({ type: "rule", rule: rule.name, card, value }, "pointer"),
  );
  field.dataset.rule = rule.name;
  return field;
}

function questionField(question, card, act) {
  const said = (value) => act({ type: "answer", question: question.name, card, value }, "pointer");
  const name = `question-${question.name}-${card}`;
  const legend = question.required ? question.label : t("rank.optional", { label: question.label });
  const field = QUESTIONS[question.kind](question, name, legend, said);
  field.dataset.question = question.name;
  return field;
}

const QUESTIONS = {
  likert: (question, name, legend, said) => {
    const values = [];
    for (let i = question.low; i <= question.high; i += 1) values.push([i, String(i)]);
    const field = radios(name, legend, values, said);
    const ends = [question.low_label, question.high_label];
    const words = ends.map((end) => element("span", {}, end));
    if (ends.some(Boolean)) field.querySelector(".scale").append(element("p", { class: "ends" }, ...words));
    return field;
  },
  choice: (question, name, legend, said) =>
    radios(name, legend, question.choices.map((choice) => [choice, choice]), said),
  text: (question, name, legend, said) => {
    const box = element("textarea", { id: name, rows: 2, dir: "auto" });
    box.addEventListener("input", () => said(box.value || null));
    return element("div", { class: "question" }, element("label", { for: name }, legend), box);
  },
};

function radios(name, legend, values, said) {
  const choices = values.map(([value, label]) => {
    const radio = element("input", { type: "radio", name, value });
    radio.addEventListener("change", () => said(value));
    return element("label", {}, radio, element("span", {}, label));
  });
  return element(
    "fieldset",
    { class: "question" },
    element("legend", {}, legend),
    element("div", { class: "scale" }, element("div", { class: "choices" }, ...choices)),
  );
}

function updateField(field, state, card) {
  const { question, rule } = field.dataset;
  const value = question ? state.said.answers[question][card] : state.said.rules[rule][card];
  const box = field.querySelector("textarea");
  if (box && box.value !== (value ?? "")) box.value = value ?? "";
  for (const radio of field.querySelectorAll("input[type=radio]")) radio.checked = radio.value === String(value);
}

function feedbackText(state, card) {
  const name = state.task.form.criteria[state.criterion].name;
  const expected = state.feedback.expected[name]?.[card];
  return expected === null || expected === undefined
    ? t("rank.expected_aside")
    : t("rank.expected", { tier: expected });
}

/** Put the turns of a prompt into an element. */
export function fillPrompt(target, prompt) {
  if (typeof prompt === "string") return fill(target, turn(null, prompt));
  return fill(target, ...prompt.map(({ role, content }) => turn(role, content)));
}

const ROLES = ["system", "user", "assistant", "tool"];

function turn(role, content) {
  const name = role && (ROLES.includes(role) ? t(`rank.role_${role}`) : role);
  return element(
    "div",
    { class: "turn", "data-role": role ?? "user" },
    name ? element("p", { class: "role" }, name) : null,
    element("div", { class: "text-of", dir: direction(content) }, ...markdown(content)),
  );
}
