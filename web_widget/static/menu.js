// @ts-check
// The menu in the header. Loaded when it is opened for the first time.
import { adopt, h } from './elements.js';
import carry from './strings/en-elsewhere.js';
import later from './strings/en-later.js';
import { add, t } from './words.js';

add(carry);
add(later);

const css = `
.menu{position:absolute;z-index:2;inset-block-start:calc(100% - 4px);inset-inline-end:12px;min-width:220px;padding:4px;background:var(--surface);border:1px solid var(--line);border-radius:10px;box-shadow:0 2px 6px #0000001f,0 16px 48px #00000029}
.panel .menu button{display:block;width:100%;min-height:44px;padding:0 12px;border-radius:6px;text-align:start}
.panel .menu button:hover{background:var(--sunken)}
`;

/** @param {any} panel the chat window, see panel.js */
export const fill = (panel) => {
  const { session, menu } = panel;
  const { state } = session.now;
  const entry = (/** @type {string} */ text, /** @type {() => void} */ act) =>
    h('button', { click: () => { panel.unfold(false); act(); } }, text);
  adopt(session.app.shadow, css);
  menu.replaceChildren(
    entry(t('fresh'), () => panel.choose('')),
    panel.view ? entry(t('back'), () => panel.chat()) : entry(t('conversations'), () => panel.list()),
    entry(t('carry'), async () => (await import('./elsewhere.js')).show(panel)),
    ...(/waiting|human/.test(state) ? [] : [entry(t('person'), () => panel.person())]),
    ...(session.conv && /ai|waiting/.test(state) ? [entry(t('leave'), async () => (await panel.crew())?.leave())] : []),
    ...(session.now.messages.size ? [entry(t('transcript'), async () => (await import('./transcript.js')).save(session))] : []),
    ...(session.conv && state != 'resolved' ? [entry(t('end'), () => session.post({ t: 'resolve' }))] : []));
};
