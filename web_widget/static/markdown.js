// @ts-check
// A small Markdown, built as DOM nodes. Text can only ever become text: there is no way from here to HTML.
import { h } from './elements.js';

/** @typedef {(n: number) => Node | null | false} Cite makes the marker of a citation, or null when there is no such source */

const SAFE = /^(https?|mailto):$/;
// Bounded repeats: hostile text costs time in proportion to its length.
const INLINE = /`([^`\n]{1,400})`|\*\*([^\n]{1,400}?)\*\*|\*([^\s*][^*\n]{0,400})\*|\[(\d{1,3})\]|\[([^\]\n]{1,400})\]\(([^()\s]{1,2000})\)/g;
const ITEM = /^\s{0,8}(?:[-*•]|(\d{1,4})[.)])\s+(.*)/;
const FENCE = /^\s{0,3}(```|~~~)/;
/** Marks that reverse or hide text are good for nothing but deceit in an answer. */
const BIDI = /[\u202a-\u202e\u2066-\u2069]/g;

/** @param {string} href @returns {string} empty when the address may not be opened */
export const safe = (href) => {
  try {
    const url = new URL(href);
    return SAFE.test(url.protocol) ? url.href : '';
  } catch {
    return '';
  }
};

/** @param {string} href @param {...(Node | string)} label */
export const link = (href, ...label) =>
  h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...label);

/** @param {string} text @param {Cite} cite @returns {(Node | string)[]} */
const inline = (text, cite) => {
  const out = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, code, bold, italic, number, label, href] = match;
    /** @type {Node | null | undefined | false} */
    let node;
    if (code) node = h('code', null, code);
    else if (bold) node = h('strong', null, ...inline(bold, cite));
    else if (italic) node = h('em', null, ...inline(italic, cite));
    else if (number) node = cite(Number(number));
    else if (safe(href)) node = link(safe(href), ...inline(label, cite));
    if (!node) continue; // stays as it was written
    out.push(text.slice(end, match.index), node);
    end = match.index + all.length;
  }
  out.push(text.slice(end));
  return out;
};

/**
 * @param {string} text @param {Cite} [cite]
 * @returns {DocumentFragment}
 */
export const render = (text, cite = () => null) => {
  const out = document.createDocumentFragment();
  const lines = text.replace(BIDI, '').split('\n');
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    const fence = FENCE.exec(line)?.[1];
    const item = ITEM.exec(line);
    if (fence) {
      const code = [];
      for (i++; i < lines.length && !lines[i].trim().startsWith(fence); i++) code.push(lines[i]);
      i++;
      out.append(h('pre', { tabindex: 0 }, h('code', null, code.join('\n'))));
    } else if (item) {
      const list = h(item[1] ? 'ol' : 'ul', item[1] && item[1] != '1' ? { start: item[1] } : null);
      for (let next = /** @type {RegExpExecArray | null} */ (item); next && !next[1] == !item[1]; next = ITEM.exec(lines[i] ?? '')) {
        let words = next[2];
        while (/^\s+\S/.test(lines[++i] ?? '') && !ITEM.test(lines[i])) words += ' ' + lines[i].trim();
        list.append(h('li', null, ...inline(words, cite)));
      }
      out.append(list);
    } else if (/^#{1,6}\s/.test(line)) {
      out.append(h('p', null, h('strong', null, ...inline(line.replace(/^#+\s+/, ''), cite))));
      i++;
    } else if (!line.trim()) i++;
    else {
      const quote = /^>/.test(line);
      const block = h(quote ? 'blockquote' : 'p');
      for (let first = true; i < lines.length && lines[i].trim() && /^>/.test(lines[i]) == quote; first = false, i++) {
        if (!first && (FENCE.test(lines[i]) || ITEM.test(lines[i]))) break;
        if (!first) block.append(h('br'));
        block.append(...inline(lines[i].replace(/^>\s?/, ''), cite));
      }
      out.append(block);
    }
  }
  return out;
};

/**
 * Where the finished blocks of a growing text end: they are painted once, and only the rest is painted again.
 * @param {string} text @param {number} from start of a block @returns {number}
 */
export const settled = (text, from) => {
  let end = from;
  let open = '';
  for (let at = from, next; (next = text.indexOf('\n', at)) >= 0; at = next + 1) {
    const line = text.slice(at, next);
    const fence = FENCE.exec(line)?.[1];
    if (open ? line.trim().startsWith(open) : fence) open = open ? '' : fence || '';
    if (!open && (!line.trim() || (fence && !open))) end = next + 1;
  }
  return end;
};
