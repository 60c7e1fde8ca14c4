// Markdown: what people and models write, as DOM nodes; text stays text, links lead to http and https alone.
//
// A subset that never surprises: headings, paragraphs with their line breaks, lists, quotes, rules, tables, fenced
// and indented code; in a line: code, strong, emphasis, strikethrough, links. Everything else shows as it was written.

import { element } from "./dom.js";

const RIGHT_TO_LEFT = /\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko}/u;
const DEEPEST = 12; // lists in lists, quotes in quotes; beyond it the rest is text

/** The nodes of a text. */
export function markdown(text) {
  return blocks(text.replace(/\r\n?/g, "\n").split("\n"), 0);
}

const LONGEST_HEADING = 1000; // characters
/** The direction of a text, from its first letter; lists, quotes and tables take it from what they stand in. */
export function direction(text) {
  const letter = /\p{L}/u.exec(text);
  return letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
}

const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const HEADING = /^ {0,3}(#{1,6}) +(.*?)(?: +#+)? *$/;
const FENCE = /^ {0,3}(`{3,}|~{3,}) *([\w+#.-]*)[^`]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( +|$)/;
const TABLE_RULE = /^\|? *:?-+:? *(?:\| *:?-+:? *)*\|?$/;

function blocks(lines, depth) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const block = READERS.map((read) => read(lines, at, depth)).find(Boolean);
    if (block.node) made.push(block.node);
    at = block.next;
  }
  return made;
}

// Each reader gives { node, next } where a block of its kind begins at the line, else null; the last takes anything.
const READERS = [blank, fence, heading, rule, quote, list, table, paragraph];

function blank(lines, at) {
  return lines[at].trim() ? null : { node: null, next: at + 1 };
}

function fence(lines, at) {
  const open = FENCE.exec(lines[at]);
  if (!open) return null;
  const isEnd = (line) => line.trim().startsWith(open[1]) && line.trim().replaceAll(open[1][0], "") === "";
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end])) end += 1;
  const code = element("code", open[2] ? { "data-language": open[2] } : {}, lines.slice(at + 1, end).join("\n"));
  return { node: element("pre", { dir: "ltr", translate: "no" }, code), next: end + 1 };
}

function heading(lines, at) {
  const found = lines[at].length <= LONGEST_HEADING && HEADING.exec(lines[at]);
  // The page has headings of its own: these only look like some.
  const attributes = found && { class: `heading h${found[1].length}`, dir: "auto" };
  return found && { node: element("p", attributes, ...inline(found[2])), next: at + 1 };
}

function rule(lines, at) {
  return RULE.test(lines[at]) ? { node: element("hr"), next: at + 1 } : null;
}

function quote(lines, at, depth) {
  if (!QUOTE.test(lines[at]) || depth >= DEEPEST) return null;
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return { node: element("blockquote", {}, ...blocks(inner, depth + 1)), next: end };
}

function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  if (!first || depth >= DEEPEST) return null;
  const isOrdered = /\d/.test(first[2]);
  const items = [];
  let end = at;
  for (let item = first; item && /\d/.test(item[2]) === isOrdered; item = end < lines.length && ITEM.exec(lines[end])) {
    const width = item[0].length;
    const inner = [lines[end].slice(width)];
    for (end += 1; end < lines.length && belongs(lines, end, width); end += 1) {
      inner.push(lines[end].replace(new RegExp(`^ {0,${width}}`), ""));
    }
    items.push(element("li", { dir: "auto" }, ...tight(blocks(inner, depth + 1))));
  }
  const start = isOrdered && Number.parseInt(first[2], 10) !== 1 ? { start: Number.parseInt(first[2], 10) } : {};
  return { node: element(isOrdered ? "ol" : "ul", start, ...items), next: end };
}

function belongs(lines, at, width) {
  if (!lines[at].trim()) return at + 1 < lines.length && /^ {2,}\S/.test(lines[at + 1]);
  const indent = lines[at].search(/\S/);
  return indent >= Math.min(width, 2) || (!ITEM.test(lines[at]) && Boolean(lines[at - 1].trim()) && !startsBlock(lines, at));
}

// A list item of one paragraph needs no paragraph around it.
function tight(nodes) {
  return nodes.flatMap((node, i) => (i === 0 && node.className === "text" ? [...node.childNodes] : [node]));
}

function table(lines, at) {
  if (!lines[at].includes("|") || at + 1 >= lines.length || !TABLE_RULE.test(lines[at + 1].trim())) return null;
  if (cells(lines[at]).length !== cells(lines[at + 1]).length) return null;
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const row = (line, tag) =>
    element("tr", {}, ...cells(line).map((cell) => element(tag, { dir: "auto" }, ...inline(cell))));
  const body = lines.slice(at + 2, end).map((line) => row(line, "td"));
  const node = element("table", {}, element("thead", {}, row(lines[at], "th")), element("tbody", {}, ...body));
  return { node, next: end };
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !startsBlock(lines, end)) end += 1;
  const text = lines.slice(at, end);
  return { node: element("p", { class: "text", dir: "auto" }, ...inline(text.join("\n"))), next: end };
}

function startsBlock(lines, at) {
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(lines[at])) || Boolean(table(lines, at));
}

// In a line the earliest of these wins; what stands between them is text, its line breaks kept by the style sheet.
const SPANS = [
  [/(?<!`)(`+)(?!`)([^]*?[^`])\1(?!`)/, (found) => element("code", { translate: "no" }, found[2].replace(/^ ([^]+) $/, "$1"))],
  [/\\([!-/:-@[-`{-~])/, (found) => found[1]],
  [/\*\*(?=\S)([^]*?\S)\*\*(?!\*)/, (found, depth) => element("strong", {}, ...inline(found[1], depth))],
  [/(?<![\w_])__(?=\S)([^]*?\S)__(?![\w_])/, (found, depth) => element("strong", {}, ...inline(found[1], depth))],
  [/\*(?=[^\s*])([^*]*[^\s*])\*(?!\*)/, (found, depth) => element("em", {}, ...inline(found[1], depth))],
  [/(?<![\w_])_(?=[^\s_])([^_]*[^\s_])_(?![\w_])/, (found, depth) => element("em", {}, ...inline(found[1], depth))],
  [/~~(?=\S)([^]*?\S)~~/, (found, depth) => element("del", {}, ...inline(found[1], depth))],
  [/(?<!!)\[([^[\]]+)\]\((https?:\/\/[^\s()<>]+)\)/i, (found, depth) => link(found[2], inline(found[1], depth))],
  [/<?(https?:\/\/[^\s<>()[\]"']*[^\s<>()[\]"'.,;:!?])>?/i, (found) => link(found[1], [found[1]])],
];
const LONGEST_LINE = 20000; // characters in a row within which marks are looked for

function inline(text, depth = 0) {
  if (depth > DEEPEST || text.length > LONGEST_LINE) return [text];
  const made = [];
  let rest = text;
  const upcoming = SPANS.map(() => undefined);
  let offset = 0;
  while (rest) {
    let best = null;
    SPANS.forEach(([pattern], i) => {
      // A match found before is still the next one, unless it lies behind us.
      if (upcoming[i] === undefined || (upcoming[i] && upcoming[i].at < offset)) {
        const found = pattern.exec(rest);
        upcoming[i] = found && { found, at: offset + found.index, make: SPANS[i][1] };
      }
      if (upcoming[i] && (!best || upcoming[i].at < best.at)) best = upcoming[i];
    });
    if (!best) break;
    if (best.at > offset) made.push(text.slice(offset, best.at));
    made.push(best.make(best.found, depth + 1));
    offset = best.at + best.found[0].length;
    rest = text.slice(offset);
  }
  if (rest) made.push(rest);
  return made;
}

function link(address, content) {
  return element("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank" }, ...content);
}
