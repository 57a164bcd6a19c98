// @ts-check
// The visitor's conversations: resume one, begin a new one, delete one for good. Loaded when it is asked for.
import { action, adopt, h, icon } from './elements.js';
import later from './strings/en-later.js';
import { add, clock, day, t } from './words.js';

add(later);

const css = `
.convs{list-style:none;display:grid}
.conv{display:flex;align-items:center;border-bottom:1px solid var(--line)}
.panel .open{flex:1;min-width:0;min-height:60px;padding:8px 4px;text-align:start;border-radius:6px}
.panel .open:hover{background:var(--sunken)}.open[aria-current=true]{font-weight:550}
.preview{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.open small{font-size:12px;line-height:16px;color:var(--muted);font-weight:400}
.ask{display:flex;flex-wrap:wrap;gap:8px;padding:12px 4px}.ask p{flex-basis:100%}
`;

/** Show the list instead of the messages. @param {import('./panel.js').Panel} panel */
export const show = async (panel) => {
  const list = await conversations(panel.session, (conv) => panel.choose(conv), (text) => panel.say(text));
  panel.view = 'list';
  panel.composer.form.hidden = true;
  panel.main.replaceChildren(h('h3', { class: 'vh' }, t('conversations')), list);
  list.querySelector('button').focus();
};

/**
 * @param {import('./session.js').Session} session
 * @param {(conv: string) => void} choose
 * @param {(text: string) => void} say
 */
const conversations = async (session, choose, say) => {
  adopt(session.app.shadow, css);
  const rows = h('ul', { class: 'convs' });
  const box = h('div', { class: 'list' },
    h('button', { class: 'primary', click: () => choose('') }, t('fresh')), rows);
  const token = session.store.get('token');
  const ask = (/** @type {string} */ path, method = 'GET') =>
    fetch(`${session.app.api}/api/v1/chat/${path}`, { method, headers: { Authorization: 'Bearer ' + token }, credentials: 'omit' });

  const load = async () => {
    try {
      const answer = token ? await ask('sessions') : null;
      if (answer && !answer.ok) throw answer;
      const found = answer ? (await answer.json()).sessions : [];
      rows.replaceChildren(...(found.length ? found.map(row) : [h('li', { class: 'note' }, t('none'))]));
    } catch {
      rows.replaceChildren(h('li', { class: 'note bad' }, t('listFailed'), ' ', action(t('retry'), load)));
    }
  };

  const row = (/** @type {any} */ item) => {
    const { session: conv, state, preview, at } = item;
    const when = at && new Date(typeof at == 'number' ? at * 1000 : at).toDateString() == new Date().toDateString() ? clock(at) : at && day(at);
    const name = state == 'resolved' ? t('closed') : state == 'ai' ? '' : t('state' + state);
    const line = h('li', { class: 'conv' });
    const trash = h('button', { class: 'icon', 'aria-label': `${t('remove')}: ${preview || ''}`, click: () => confirm() },
      icon('M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12'));
    const show = () => line.replaceChildren(
      h('button', { class: 'open', 'aria-current': conv == session.conv, click: () => choose(conv) },
        h('span', { class: 'preview', dir: 'auto' }, preview || t('fresh')),
        h('small', null, [when, name].filter(Boolean).join(' · '))), trash);
    const confirm = () => {
      const bad = h('p', { class: 'note bad', role: 'alert' });
      const remove = async () => {
        const answer = await ask(`session/${encodeURIComponent(conv)}`, 'DELETE').catch(() => null);
        if (!answer?.ok && answer?.status != 404) return (bad.textContent = t('removeFailed'));
        session.store.set('draft:' + conv);
        session.forget(conv);
        say(t('removed'));
        line.remove();
        if (!rows.children.length) rows.append(h('li', { class: 'note' }, t('none')));
        box.querySelector('button').focus();
      };
      const keep = h('button', { class: 'chip', click: () => { show(); trash.focus(); } }, t('removeNo'));
      line.replaceChildren(h('div', { class: 'ask', role: 'group', 'aria-label': t('remove') }, h('p', null, t('removeAsk')),
        h('button', { class: 'chip bad', click: remove }, t('removeYes')), keep, bad));
      keep.focus();
    };
    show();
    return line;
  };
  await load();
  return box;
};
