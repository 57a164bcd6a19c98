// @ts-check
// What a visitor can do with a message: change or delete one's own, put an emoji on a person's. Tools show under the pointer, and on
// what has the focus, so that the keyboard gets there too.
import { action, adopt, h, icon } from './elements.js';
import words from './strings/en-files.js';
import { add, t } from './words.js';

add(words);

const EMOJI = ['👍', '❤️', '😄', '🎉', '🙏'];

const css = `
.m{position:relative}
.amend{position:absolute;z-index:1;inset-block-start:-14px;inset-inline-end:0;display:flex;padding:2px;background:var(--surface);border:1px solid var(--line);border-radius:10px;box-shadow:0 1px 2px #0000001a}
.customer .amend{inset-inline:auto 0}
.panel .amend button{min-width:32px;height:28px;padding:0 6px;border-radius:8px;font-size:15px;line-height:20px;color:var(--muted)}.panel .amend button:hover{background:var(--sunken);color:inherit}
.amend svg{width:18px;height:18px}
.panel .m .edits{display:grid;gap:8px;width:300px;max-width:100%}
.panel .edits textarea{width:100%;min-height:66px;padding:9px 12px;border:1px solid var(--strong);border-radius:10px;background:var(--surface);color:var(--text);font-size:16px;line-height:24px}
.edits .acts{display:flex;gap:8px}.m:has(.edits) .b{background:var(--sunken);color:var(--text)}
@media(pointer:coarse){.panel .amend button{min-width:44px;height:40px}}
`;

const PEN = 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4';
const TRASH = 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12';

/** @param {import('./log.js').Log} log */
export const amendable = (log) => {
  const { list, session, panel } = log;
  if (list.dataset.amendable) return;
  list.dataset.amendable = '1';
  adopt(session.app.shadow, css);
  const bar = h('div', { class: 'amend', role: 'toolbar', 'aria-label': t('amend') });

  const hide = () => bar.remove();
  /** The pointer does not take away what the keyboard is about to use: it may only rest there, and the page moved under it. */
  const leave = () => bar.parentElement?.matches(':focus-within') || hide();
  /** @param {Event} event */
  const show = ({ target }) => {
    const article = /** @type {HTMLElement} */ (target).closest?.('article');
    if (!article || article == bar.parentNode || !log.rows.contains(article) || article.querySelector('.edits')) return;
    const message = [...session.now.messages.values()].find(({ id }) => log.articles.get(id) == article);
    if (!message || message.deleted || session.now.state == 'gone') return hide();
    const tools = message.author == 'customer' ? own(article, message) : message.author == 'agent' ? react(message) : [];
    if (!tools[0]) return leave();
    bar.replaceChildren(...tools);
    article.append(bar);
  };
  const button = (/** @type {Node | string} */ what, /** @type {string} */ label, /** @type {() => void} */ click) =>
    h('button', { type: 'button', 'aria-label': label, title: label, click }, what);

  /** @param {HTMLElement} article @param {import('./protocol').Message} message */
  const own = (article, message) => [
    ...(message.text ? [button(icon(PEN), t('change'), () => change(article, message))] : []),
    button(icon(TRASH), t('erase'), () => erase(article, message)),
  ];

  /** @param {import('./protocol').Message} message */
  const react = ({ id, reactions = [] }) => EMOJI.map((emoji) => {
    const gone = reactions.some((one) => one.author == 'customer' && one.emoji == emoji);
    const tool = button(emoji, t(gone ? 'unreact' : 'react', { emoji }), () => {
      hide();
      session.post({ t: 'react', id, emoji, gone });
      panel.say(t(gone ? 'unreacted' : 'reactedNow', { emoji }));
    });
    tool.setAttribute('aria-pressed', String(gone));
    return tool;
  });

  /** A small form in the place of the message. @param {HTMLElement} article @param {Node[]} parts */
  const ask = (article, ...parts) => {
    hide();
    const form = h('form', { class: 'edits', keydown: (/** @type {KeyboardEvent} */ event) => event.key == 'Escape' && (event.stopPropagation(), back()) }, ...parts);
    log.keep(() => article.children[1].replaceChildren(form));
    return form;
  };
  let back = () => {};

  /** @param {HTMLElement} article @param {import('./protocol').Message} message */
  const change = (article, message) => {
    const input = h('textarea', { 'aria-label': t('change'), dir: 'auto', maxlength: session.limit });
    input.value = message.text;
    back = () => (log.article(message), log.sent(), article.focus());
    const form = ask(article, input, h('div', { class: 'acts' }, h('button', { class: 'chip' }, t('save')), action(t('unchanged'), () => back())));
    form.addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!text) return input.focus();
      if (text != message.text) session.post({ t: 'edit', id: message.id, text });
      log.article({ ...message, text });
      panel.focus();
    });
    input.focus();
  };

  /** @param {HTMLElement} article @param {import('./protocol').Message} message */
  const erase = (article, message) => {
    back = () => (log.article(message), log.sent(), article.focus());
    const form = ask(article, h('p', null, t('eraseAsk')),
      h('div', { class: 'acts' }, h('button', { class: 'chip bad' }, t('erase')), action(t('unchanged'), () => back())));
    form.addEventListener('submit', (/** @type {Event} */ event) => {
      event.preventDefault();
      session.post({ t: 'delete', id: message.id });
      log.article({ ...message, text: '', deleted: true, files: [] });
      panel.focus();
    });
    form.querySelector('.link').focus();
  };

  list.addEventListener('pointerover', show);
  list.addEventListener('focusin', show);
  list.addEventListener('pointerleave', leave);
};
