// @ts-check
// DOM by calls only: no HTML strings and no style attributes, so a strict CSP with Trusted Types has nothing to refuse.

/** @type {Set<string>} */
const adopted = new Set();

/**
 * Make an element. Functions become listeners, `true` an empty attribute; `null`, `undefined` and `false` are left out.
 * @param {string} name
 * @param {Record<string, any> | null} [values]
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {any}
 */
export const h = (name, values, ...children) => {
  const element = document.createElement(name);
  for (const key in values) {
    const value = values[key];
    if (typeof value == 'function') element.addEventListener(key, value);
    else if (value != null && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(.../** @type {Node[]} */ (children.filter((child) => child != null && child !== false)));
  return element;
};

/** A 24-grid line icon. @param {string} d */
export const icon = (d) => {
  const make = (/** @type {string} */ name) => document.createElementNS('http://www.w3.org/2000/svg', name);
  const [svg, path] = [make('svg'), make('path')];
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', d);
  svg.append(path);
  return svg;
};

/** Add a style sheet once. @param {ShadowRoot} shadow @param {string} css */
export const adopt = (shadow, css) => {
  if (adopted.has(css)) return;
  adopted.add(css);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  shadow.adoptedStyleSheets.push(sheet);
};

/** A small line of words. @param {string} [text] @param {string} [kind] */
export const note = (text, kind = '') => h('span', { class: 'note ' + kind }, text);

/** A button that looks like a link. @param {string} text @param {(event: any) => void} click */
export const action = (text, click) => h('button', { class: 'link', type: 'button', click }, text);
