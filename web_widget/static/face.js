// @ts-check
// A person's picture; their first letter where there is none or the page does not let it in.
import { h } from './elements.js';

/** Adopt it where faces are shown. */
export const css = `
.face{position:relative;flex:none;overflow:hidden;width:36px;height:36px;border-radius:50%;background:var(--soft);color:var(--ink);font:650 15px/36px var(--font);text-align:center}
.face img{position:absolute;inset:0;width:100%;height:100%;object-fit:cover}
`;

/** @param {string} name @param {string} [picture] https address */
export const face = (name, picture) => {
  const box = h('span', { class: 'face', 'aria-hidden': 'true' }, [...name][0]?.toUpperCase());
  if (picture && !refused.has(picture)) {
    box.append(h('img', { src: picture, alt: '', referrerpolicy: 'no-referrer', error: (/** @type {any} */ { target }) => {
      refused.add(picture); // once is enough
      target.remove();
    } }));
  }
  return box;
};

/** @type {Set<string>} */
const refused = new Set();
