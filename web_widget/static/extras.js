// @ts-check
// What only few messages have: files, reactions, a person's picture. Loaded with the first one.
import { adopt, h, icon, note } from './elements.js';
import { css as faces, face } from './face.js';
import { canvas, draw, fit, load } from './picture.js';
import { size } from './sizes.js';
import words from './strings/en-files.js';
import { add, t } from './words.js';

add(words);

const css = `
.files{list-style:none;display:grid;gap:6px}
.panel .b .files{padding:0}.b .files:not(:first-child){margin-top:8px}
.file{display:flex;align-items:center;gap:10px;min-height:44px;min-width:180px;max-width:260px;padding:6px 10px;border-radius:10px;background:var(--surface);color:var(--text);border:1px solid var(--line)}
.panel .b .file{color:var(--text)}.panel a.file{text-decoration:none}.panel a.file:hover b{text-decoration:underline}
.file svg{flex:none;margin:0;color:var(--muted)}
.file span{min-width:0;display:grid}.file b{font-weight:550;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:14px;line-height:20px}
.b .shown{display:block;width:max-content;max-width:100%;border-radius:10px;overflow:hidden;background:var(--sunken);line-height:0}
.shown canvas{max-width:100%;height:auto!important}
.b:has(>.files:first-child .shown){padding:4px}
.reacts{display:flex;gap:4px}
.react{display:inline-flex;gap:4px;padding:2px 8px;border:1px solid var(--line);border-radius:12px;background:var(--surface);font-size:13px;line-height:18px}
.who .face{width:20px;height:20px;font-size:11px;line-height:20px}.who:has(.face)::before{display:none}
`;

const PAPER = 'M7 3h7l4 4v14H7zM14 3v4h4';
const NO = 'M5 5l14 14M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18';

/** @typedef {import('./protocol').File} File */

/**
 * @param {import('./log.js').Log} log
 * @param {HTMLElement} article @param {Partial<import('./protocol').Message>} message
 */
export const dress = (log, article, message) => {
  const { app } = log.session;
  adopt(app.shadow, faces + css);
  const [who, body, foot] = article.children;
  const { files = [], reactions = [], picture, deleted, name = '', text } = message;
  if (picture && !who.querySelector('.face')) who.prepend(face(name, picture));
  if (deleted) return;
  body.querySelector('.files')?.remove();
  foot.querySelector('.reacts')?.remove();
  if (files[0]) {
    if (!text) body.replaceChildren();
    body.append(h('ul', { class: 'files' }, ...files.map((file) => h('li', null, shown(log, file)))));
  }
  // A thumb on an answer is a button of its own (marks.js).
  const others = reactions.filter(({ emoji }) => message.author != 'ai' || !/^[\u{1F44D}\u{1F44E}]/u.test(emoji));
  if (others[0]) {
    foot.prepend(h('span', { class: 'reacts' }, ...grouped(others).map(([emoji, names]) =>
      h('span', { class: 'react', role: 'img', 'aria-label': t('reacted', { name: names.join(', '), emoji }), title: names.join(', ') },
        emoji, names[1] && ' ' + names.length))));
  }
};

/** @param {import('./protocol').Reaction[]} reactions @returns {[string, string[]][]} */
const grouped = (reactions) => {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const { emoji, author, name } of reactions) found.set(emoji, [...(found.get(emoji) || []), author == 'customer' ? t('you') : name || t('agent')]);
  return [...found];
};

/** One file: a picture in its place, else a line to open it by; what was refused says why. @param {import('./log.js').Log} log @param {File} file */
const shown = (log, file) => {
  const { id, name, type = '', width = 0, height = 0, url = '', problem } = file;
  if (problem) return h('div', { class: 'file' }, icon(NO), h('span', null, h('b', { dir: 'auto' }, name), note(problem, 'bad')));
  const to = url && new URL(url, log.session.app.api + '/').href;
  const way = to ? { href: to, target: '_blank', rel: 'noopener noreferrer' } : null;
  const line = () => h(to ? 'a' : 'div', { class: 'file', ...way }, icon(PAPER),
    h('span', null, h('b', { dir: 'auto' }, name), note([ending(name), size(file.size)].filter(Boolean).join(', '))));
  if (!/^image\/(png|jpeg|webp|gif)/.test(type) || !width || !height) return line();
  const place = canvas(...fit(width, height), t('picture', { name }));
  const box = h(to ? 'a' : 'div', { class: 'shown', ...way }, place);
  load(id, to).then((image) => draw(place, image), () => box.replaceWith(line()));
  return box;
};

/** @param {string} name */
const ending = (name) => (/\.(\w{1,5})$/.exec(name)?.[1] || '').toUpperCase();
