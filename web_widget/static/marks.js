// @ts-check
// Whether an answer of the assistant helped: a thumb up or down, and after a thumb down a small form for the reason, which may be left
// alone. Loaded a moment after the chat was opened.
import { action, adopt, h, icon } from './elements.js';
import words from './strings/en-marks.js';
import { add, t } from './words.js';

add(words);

/** @typedef {import('./protocol').Message} Message */

const WORDS = 1000; // characters that the server keeps
const MARKED = /^(ai|auto|cache|offline|)$/;
const THUMB = 'M7 11v9H4v-9zM7 11l4-8c2 0 2.6 1.6 2.2 3.8L12.8 9H19c1.1 0 1.7 1 1.4 2l-2 7.4c-.3 1-1 1.6-2 1.6H7';
/** @type {[string, string][]} */
const REASONS = [['wrong', 'markWrong'], ['outdated', 'markOutdated'], ['not_asked', 'markNotAsked'], ['too_long', 'markTooLong'], ['other', 'markOther']];
const SIGNS = { up: '\u{1F44D}', down: '\u{1F44E}' };

const css = `
.helped{display:inline-flex;gap:2px;margin-inline-start:auto}
.panel .helped button{width:28px;height:24px;padding:2px 4px;border-radius:8px;color:var(--muted)}.panel .helped button:hover{background:var(--sunken);color:inherit}
.panel .helped [aria-pressed=true]{background:var(--soft);color:var(--ink);box-shadow:inset 0 0 0 1px var(--a)}
.helped svg{display:block;width:20px;height:20px;margin:0;fill:none;stroke:currentColor;stroke-width:1.6;stroke-linejoin:round}.helped .down svg{transform:scaleY(-1)}
.panel .why{display:grid;gap:8px;margin-top:6px;padding:10px 12px;border:1px solid var(--line);border-radius:10px;background:var(--surface)}
.why fieldset{display:grid;gap:2px;min-width:0;margin:0;padding:0;border:0}.why legend{margin-bottom:4px;font-weight:550}
.panel .why label{display:flex;align-items:center;gap:8px;min-height:28px}.why input{width:18px;height:18px;margin:0;accent-color:var(--a)}
.panel .why textarea{width:100%;min-height:48px;padding:8px 10px;border:1px solid var(--strong);border-radius:10px;background:var(--surface);color:var(--text);font-size:16px;line-height:22px}
.why .acts{display:flex;gap:8px}
@media(pointer:coarse){.panel .helped button{width:44px;height:40px}.panel .why label{min-height:44px}}
@media(forced-colors:active){.panel .helped [aria-pressed=true]{forced-color-adjust:none;background:Highlight;color:HighlightText}}
`;

/** What the visitor said of a message: up, down or nothing. @param {Message} message */
const marked = ({ reactions = [] }) => {
  const mine = reactions.filter(({ author }) => author == 'customer').map(({ emoji }) => emoji);
  return mine.some((one) => one.startsWith(SIGNS.down)) ? 'down' : mine.some((one) => one.startsWith(SIGNS.up)) ? 'up' : '';
};

/** @param {import('./log.js').Log} log */
export const markable = (log) => {
  const { list, session, panel } = log;
  if (list.dataset.markable) return;
  list.dataset.markable = '1';
  adopt(session.app.shadow, css);
  const [foot, draw] = [log.foot.bind(log), log.article.bind(log)];
  /** What was pressed and has not come back from the server yet. @type {Map<string, string>} */
  const pressed = new Map();

  /** @param {Message} message */
  const thumbs = (message) => {
    const { id } = message;
    const now = pressed.get(id) ?? marked(message);
    const thumb = (/** @type {'up' | 'down'} */ value) => {
      const click = () => press(message, now == value ? '' : value);
      return h('button', { class: value, type: 'button', 'aria-pressed': String(now == value), 'aria-label': t(value == 'up' ? 'markUp' : 'markDown'), title: t(value == 'up' ? 'markUp' : 'markDown'), click }, icon(THUMB));
    };
    return h('span', { class: 'helped', role: 'group', 'aria-label': t('helped') }, thumb('up'), thumb('down'));
  };

  /** @param {Message} message @param {string} value */
  const press = (message, value) => {
    const { id } = message;
    pressed.set(id, value);
    session.post({ t: 'mark', id, mark: value });
    const article = log.article(session.now.messages.get(id) || message);
    article.querySelector('.why')?.remove();
    if (value == 'down') ask(article, id);
    panel.say(t(value == 'up' ? 'markedUp' : value ? 'markedDown' : 'markGone'));
  };

  /** The form for the reason, under the answer: it stays when the answer is drawn anew. @param {HTMLElement} article @param {string} id */
  const ask = (article, id) => {
    const text = h('textarea', { 'aria-label': t('markWords'), placeholder: t('markWords'), maxlength: WORDS, dir: 'auto', rows: 2 });
    const done = (/** @type {string} */ said) => {
      log.keep(() => form.remove());
      /** @type {HTMLElement | null} */ (article.querySelector('.helped .down'))?.focus();
      if (said) panel.say(said);
    };
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const reason = form.elements['dh-reason'].value;
      const words = text.value.trim();
      if (reason || words) session.post({ t: 'mark', id, mark: 'down', reason: reason || 'other', text: words || undefined });
      done(t('markThanks'));
    };
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key != 'Escape') return;
      event.stopPropagation();
      done('');
    };
    const form = h('form', { class: 'why', submit, keydown },
      h('fieldset', null, h('legend', null, t('markWhy')), ...REASONS.map(([value, word]) =>
        h('label', null, h('input', { type: 'radio', name: 'dh-reason', value }), t(word)))),
      text,
      h('div', { class: 'acts' }, h('button', { class: 'chip' }, t('markSend')), action(t('markSkip'), () => done(''))));
    log.keep(() => article.append(form));
    form.querySelector('input').focus();
  };

  log.foot = (message) => {
    const { author, type = '', deleted, id } = message;
    return [...foot(message), ...(author == 'ai' && !deleted && id && MARKED.test(type) ? [thumbs(message)] : [])];
  };
  // An answer is drawn anew when the server has taken the mark: who stands on a thumb stays there.
  log.article = (message) => {
    const root = /** @type {ShadowRoot} */ (list.getRootNode());
    const held = root.activeElement?.closest('.helped') && root.activeElement;
    if (pressed.get(message.id) === marked(message)) pressed.delete(message.id);
    const article = draw(message);
    const shown = held && !held.isConnected && article.querySelector(`.helped .${held.className}`);
    if (shown && log.articles.get(message.id) == article) /** @type {HTMLElement} */ (shown).focus({ preventScroll: true });
    return article;
  };
  log.keep(() => log.fill());
};
