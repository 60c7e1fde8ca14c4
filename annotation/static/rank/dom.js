// DOM: one function that makes elements, so that text is only ever text.

/** An element with attributes and children; strings become text nodes, nothing is parsed as HTML. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The element of that id, which the template holds. */
export function part(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Put children in place of what an element holds. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

/** Set or remove an attribute, and leave it alone where it is right already. */
export function toggle(target, name, on) {
  if (target.hasAttribute(name) !== Boolean(on)) target.toggleAttribute(name, Boolean(on));
}
