// Words: what the live region says of each action, so that nobody has to see the page to know what happened.

import { missing } from "./answer.js";
import { placeText } from "./cards.js";
import { letter, t } from "./messages.js";
import { current } from "./state.js";
import { lackText } from "./tray.js";

/** The sentence on an action that led from one state to another; empty where there is nothing to say. */
export function sentence(before, after, action) {
  const tell = SENTENCES[action.type];
  return tell && before !== after ? tell(before, after, action) : "";
}

/** What a task is, said when it comes onto the page. */
export function taskSentence(state) {
  return t(state.task.mode === "practice" ? "said.task_practice" : "said.task", { count: state.k });
}

const placed = (before, after, { card = before.focus }) => {
  const what = t("said.placed", { card: letter(card), place: placeText(after, card) });
  const lacks = missing(after);
  return `${what}${t("said.stop")}${lacks.length === 0 ? t("rank.ready") : ""}`;
};

const SENTENCES = {
  place: placed,
  aside: placed,
  unplace: (before, after, { card = before.focus }) => t("said.unplaced", { card: letter(card) }),
  bothBad: () => t("said.both_bad"),
  flag: (before, after, { card = before.focus, name }) => {
    const { label } = after.task.form.flags.find((flag) => flag.name === name);
    const on = after.said.flags[card].includes(name);
    return t(on ? "said.flag_on" : "said.flag_off", { card: letter(card), flag: label });
  },
  criterion: (before, after) => {
    const { label } = after.task.form.criteria.find(({ name }) => name === current(after));
    return t("said.criterion", { label });
  },
  strength: (before, after, { value }) => t("said.strength", { strength: t(`strength.s${value}`) }),
  undo: () => t("said.undone"),
  veil: (before, after) => t(after.veiled ? "said.veiled" : "said.unveiled"),
  seen: (before, after) => (missing(after).length === 0 ? t("rank.ready") : ""),
};

/** What is in the way of Submit, said when someone tries. */
export function lackSentence(state) {
  return lackText(state, missing(state)[0]);
}
