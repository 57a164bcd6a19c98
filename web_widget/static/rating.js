// @ts-check
// After a conversation is closed: how was it? Five words to choose from, a comment if one likes, and a way past it. Asked once.
import { action, adopt, h, icon } from './elements.js';
import { t } from './words.js';

const BEST = 5;
const COMMENT = 1000; // characters that the server keeps

const css = `
.rate{min-width:0;margin:0;padding:0;border:0;display:grid;gap:8px}
.rate legend{margin-bottom:8px}.rate .five{display:grid;grid-template-columns:repeat(5,1fr);gap:6px}
.panel .rate label{position:relative;display:grid;justify-items:center;align-content:start;gap:2px;min-height:64px;padding:8px 2px;border:1px solid var(--strong);border-radius:10px;font-size:12px;line-height:16px;text-align:center;cursor:pointer;overflow-wrap:anywhere;hyphens:auto}
.rate label:hover{background:var(--sunken)}.rate label svg{margin:0}
.rate input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}
.rate label:has(:checked){background:var(--soft);border-color:var(--a);box-shadow:inset 0 0 0 1px var(--a);color:var(--ink);font-weight:550}
.rate label:has(:focus-visible){outline:2px solid var(--a);outline-offset:2px}
@media(forced-colors:active){.rate label:has(:checked){forced-color-adjust:none;background:Highlight;color:HighlightText;border-color:Highlight}}
`;

/** The same face with another mouth. */
const MOUTHS = ['M8 17c2-3.4 6-3.4 8 0', 'M8.5 16.2c2-1.8 5-1.8 7 0', 'M8.5 15.5h7', 'M8.5 14.8c2 1.8 5 1.8 7 0', 'M8 14c2 3.4 6 3.4 8 0'];

/** @param {import('./people.js').People} people @returns {import('./people.js').Card} */
export const rating = (people) => {
  const { panel, session } = people;
  adopt(panel.app.shadow, css);
  const key = `draft:${session.conv}:rating`;
  const bad = h('p', { class: 'note bad', role: 'alert' });
  const choice = (/** @type {number} */ n) => {
    const face = h('span', { 'aria-hidden': 'true' });
    face.append(picture(MOUTHS[n - 1]));
    return h('label', null, h('input', { type: 'radio', name: 'dh-rating', value: n }), face, t('rate' + n));
  };
  const text = h('textarea', { id: 'dh-why', rows: 2, maxlength: COMMENT, dir: 'auto', input: () => session.store.set(key, text.value) });
  const why = h('div', { hidden: true }, h('label', { for: 'dh-why', class: 'note' }, t('rateWhy')), text);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const score = Number(box.elements['dh-rating'].value);
    bad.textContent = score ? '' : t('rateBad');
    if (!score) return box.elements['dh-rating'][0].focus();
    session.store.set(key);
    session.post({ t: 'rating', rating: score, text: text.value.trim() || undefined });
    box.replaceChildren(h('h3', { tabindex: -1 }, t('rated')), h('p', { class: 'note' }, t('rate' + score)));
    box.firstChild.focus();
  };
  const skip = () => {
    session.store.set(people.skip, people.closed);
    session.store.set(key);
    people.refresh();
  };
  const box = h('form', { class: 'card', submit, novalidate: true, change: () => panel.log.keep(() => { why.hidden = false; bad.textContent = ''; }) },
    h('fieldset', { class: 'rate' },
      h('legend', null, t('rate')),
      h('div', { class: 'five' }, ...Array.from({ length: BEST }, (_, n) => choice(n + 1)))),
    why, bad,
    h('div', { class: 'acts' }, h('button', { class: 'primary' }, t('rateSend')), action(t('rateSkip'), skip)));
  text.value = session.store.get(key);
  why.hidden = !text.value;
  return { box };
};

/** @param {string} mouth */
const picture = (mouth) => icon(`M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9 9.5v.5m6-.5v.5${mouth}`);
