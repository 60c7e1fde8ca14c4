// Answer: what a state still lacks before it may be sent, what is then sent, and the draft it is restored from.

import { ASIDE, begin, placesOf, unplaced } from "./state.js";

/**
 * What stands between the state and Submit, in the order in which to mend it:
 * { what: "veiled" | "unplaced" | "all_aside" | "unseen" | "rule" | "question" | "note", cards, name }.
 */
export function missing(state) {
  const { form } = state.task;
  const found = [];
  if (state.veiled) found.push({ what: "veiled", cards: [] });
  const unseen = cardsWhere(state, (card) => !state.seen[card]);
  for (const { name } of form.criteria) {
    const cards = unplaced(state, name);
    if (cards.length) found.push({ what: "unplaced", cards, name });
    else if (placesOf(state, name).every((place) => place === ASIDE)) found.push({ what: "all_aside", cards: [], name });
  }
  if (unseen.length) found.push({ what: "unseen", cards: unseen });
  for (const { name } of form.rules) {
    const cards = cardsWhere(state, (card) => state.said.rules[name][card] === null);
    if (cards.length) found.push({ what: "rule", cards, name });
  }
  for (const { name } of form.questions.filter((one) => one.required)) {
    const cards = cardsWhere(state, (card) => isEmpty(state.said.answers[name][card]));
    if (cards.length) found.push({ what: "question", cards, name });
  }
  if (form.note === "required" && !state.said.note.trim()) found.push({ what: "note", cards: [] });
  return found;
}

/** The body of a submission. */
export function submission(state, { seconds, timings, session }) {
  const { said, task } = state;
  return {
    rankings: rankings(state),
    flags: said.flags,
    answers: said.answers,
    rules: said.rules,
    note: said.note.trim() || null,
    demonstration: said.demonstration?.trim() || null,
    guideline: task.guideline?.version ?? null,
    seconds,
    timings,
    session,
  };
}

/** What a draft keeps: the shape of a submission, and where the annotator was. */
export function draft(state) {
  const aside = Object.fromEntries(
    state.task.form.criteria.map(({ name }) => [name, placesOf(state, name).map((place) => place === ASIDE)]),
  );
  return {
    rankings: rankings(state),
    aside,
    flags: state.said.flags,
    answers: state.said.answers,
    rules: state.said.rules,
    note: state.said.note,
    demonstration: state.said.demonstration,
    seen: state.seen,
    focus: state.focus,
    criterion: state.criterion,
    step: state.step,
  };
}

/** The state of a task with what its draft holds; parts that do not fit the task are left out. */
export function restore(task, kept) {
  const state = begin(task);
  if (!kept || typeof kept !== "object") return state;
  const said = { ...state.said };
  const fits = (row) => Array.isArray(row) && row.length === state.k;
  said.places = table(said.places, (name) => {
    const tiers = kept.rankings?.[name]?.tiers;
    // A submission that is revised has no `aside`: all that it left unranked was set aside.
    const aside = kept.aside?.[name] ?? (fits(tiers) ? tiers.map((tier) => tier === null) : []);
    return fits(tiers) ? tiers.map((tier, card) => tier ?? (aside[card] ? ASIDE : null)) : null;
  });
  said.strength = table(said.strength, (name) => kept.rankings?.[name]?.strength ?? null);
  if (fits(kept.flags)) said.flags = kept.flags;
  said.answers = table(said.answers, (name) => (fits(kept.answers?.[name]) ? kept.answers[name] : null));
  said.rules = table(said.rules, (name) => (fits(kept.rules?.[name]) ? kept.rules[name] : null));
  said.note = kept.note ?? "";
  said.demonstration = kept.demonstration ?? null;
  return {
    ...state,
    said,
    seen: fits(kept.seen) ? kept.seen : state.seen,
    focus: kept.focus < state.k ? kept.focus : 0,
    criterion: kept.criterion < task.form.criteria.length ? kept.criterion : 0,
    step: kept.step ?? 0,
  };
}

function rankings(state) {
  return Object.fromEntries(
    state.task.form.criteria.map(({ name }) => [
      name,
      {
        tiers: placesOf(state, name).map((place) => (place === ASIDE ? null : place)),
        strength: state.said.strength[name],
      },
    ]),
  );
}

function table(fresh, value) {
  return Object.fromEntries(Object.entries(fresh).map(([name, old]) => [name, value(name) ?? old]));
}

function cardsWhere(state, holds) {
  return state.seen.flatMap((_, card) => (holds(card) ? [card] : []));
}

function isEmpty(value) {
  return value === null || value === "";
}
