// @ts-check
// Take the conversation along to another channel or device by a code, a link or a QR code; or bring one here. Loaded when asked for.
import { action, adopt, h, icon } from './elements.js';
import words from './strings/en-elsewhere.js';
import { add, t } from './words.js';

add(words);

const css = `
.panel .carry{display:grid;align-content:start;gap:8px}.carry h3{font:650 16px/24px var(--font)}.panel .carry h3:not(:first-child){margin-top:16px}
.carry .code{font:650 24px/32px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:.06em}
.carry .qr{width:176px;height:176px;margin:4px 0 0;border:1px solid var(--line);border-radius:10px;background:#fff;fill:#000;stroke:none;shape-rendering:crispEdges;forced-color-adjust:none}
.panel .carry input{width:100%;padding:9px 12px;border:1px solid var(--strong);border-radius:10px;background:var(--surface);font-size:16px;line-height:24px;text-transform:uppercase}
`;

/** @param {import('./panel.js').Panel} panel */
export const show = (panel) => {
  const { session } = panel;
  adopt(panel.app.shadow, css);
  const box = h('div', { class: 'list carry' }, ...(session.conv ? offer(panel) : []), ...take(panel));
  panel.view = 'elsewhere';
  panel.composer.form.hidden = true;
  panel.main.replaceChildren(box);
  box.querySelector('button, input').focus();
};

/** Resolves with the answer; rejects with a sentence for people. @param {import('./panel.js').Panel} panel @param {string} path @param {any} body */
const ask = async ({ session }, path, body) => {
  const headers = { 'Content-Type': 'application/json', Authorization: 'Bearer ' + session.store.get('token') };
  const answer = await fetch(`${session.app.api}/api/v1/chat/${path}`, { method: 'POST', headers, body: JSON.stringify(body), credentials: 'omit' });
  const json = await answer.json();
  if (answer.ok) return json;
  const { code, message } = json.error || {};
  throw { said: code == 'bad_code' ? t('carryBad') : answer.status == 429 ? t('carryMany') : code == 'not_here' ? message : '' };
};

/** @param {import('./panel.js').Panel} panel */
const offer = (panel) => {
  const shown = h('div', { class: 'carry' });
  const bad = h('p', { class: 'note bad', role: 'alert' });
  const more = h('button', { class: 'primary', click: async () => {
    bad.textContent = '';
    more.disabled = true;
    try {
      const { code, links } = await ask(panel, 'continue', { session: panel.session.conv });
      const value = h('p', { class: 'code', tabindex: -1, 'aria-label': [...code].join(' ') }, code);
      const copy = action(t('copy'), () => navigator.clipboard.writeText(code).then(() => panel.say(t('copied')), () => {}));
      shown.replaceChildren(value, copy, ...links.map(link));
      value.focus();
    } catch (error) {
      bad.textContent = /** @type {any} */ (error).said || t('carryFailed');
    }
    more.disabled = false;
  } }, t('carryCode'));
  return [h('h3', null, t('carry')), h('p', { class: 'note' }, t('carryNote')), more, bad, shown];
};

/** @param {{ name: string, url: string, qr: string }} one */
const link = ({ name, url, qr }) => h('p', null,
  /^https?:/.test(url) && h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, t('carryOpen', { name })),
  drawn(qr, t('carryScan', { name })));

/** The server's picture made anew: a strict page needs no rule for images, and no text becomes markup. @param {string} svg @param {string} label */
const drawn = (svg, label) => {
  const picture = icon(/<path d="([Mhvz\d -]+)"/.exec(svg)?.[1] || '');
  picture.setAttribute('class', 'qr');
  picture.setAttribute('viewBox', /viewBox="([\d ]+)"/.exec(svg)?.[1] || '0 0 1 1');
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', label);
  picture.removeAttribute('aria-hidden');
  return picture;
};

/** @param {import('./panel.js').Panel} panel */
const take = (panel) => {
  const { session } = panel;
  const bad = h('p', { id: 'dh-carry-bad', class: 'note bad', role: 'alert' });
  const input = h('input', { id: 'dh-carry', autocomplete: 'one-time-code', autocapitalize: 'characters', spellcheck: 'false', maxlength: 64, 'aria-describedby': 'dh-carry-bad' });
  // One attempt has one id: sent again after a lost answer it is the same attempt.
  let cid = '', tried = '';
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const code = input.value.trim();
    bad.textContent = '';
    if (!code) return input.focus();
    if (code != tried) [cid, tried] = [[...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join(''), code];
    try {
      const { session: conv } = await ask(panel, 'continue/here', { code, cid });
      if (conv == session.conv) panel.chat();
      else panel.choose(conv);
    } catch (error) {
      bad.textContent = /** @type {any} */ (error).said || t('carryFailed');
      input.focus();
    }
  };
  return [h('h3', null, t('carryHere')), h('form', { class: 'carry', submit, novalidate: true },
    h('p', { class: 'note' }, t('carryHereNote')),
    h('label', { for: 'dh-carry' }, t('carryField')), input, bad,
    h('button', { class: 'primary' }, t('carryGo')))];
};
