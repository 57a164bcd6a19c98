// @ts-check
// When a person is asked for and nobody is connected: an honest form for an address. What was typed is kept.
import { adopt, h } from './elements.js';
import { t } from './words.js';

const css = `
.card.fields{gap:6px}.fields label{margin-top:6px;font-size:13px;line-height:18px}
`;

/** @typedef {import('./session.js').Session} Session */

/** @param {Session} session @param {string} typed what stood in the composer */
export const form = (session, typed) => {
  adopt(session.app.shadow, css);
  const key = `draft:${session.conv}:form`;
  const kept = JSON.parse(session.store.get(key) || '{}');
  const failed = session.pending.find(({ frame, final }) => frame.t == 'contact' && final);
  const field = (/** @type {string} */ name, /** @type {string} */ label, /** @type {any} */ values) => [
    h('label', { for: 'dh-' + name }, label),
    h(name == 'text' ? 'textarea' : 'input', { id: 'dh-' + name, name, dir: 'auto', 'aria-describedby': 'dh-bad', ...values }),
  ];
  const bad = h('p', { id: 'dh-bad', class: 'note bad', role: 'alert' }, failed?.error);
  const read = () => Object.fromEntries([...new FormData(box)].map(([name, value]) => [name, String(value).trim()]));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const values = read();
    const email = box.elements.email;
    const wrong = !email.validity.valid || !values.email;
    email.setAttribute('aria-invalid', String(wrong));
    bad.textContent = wrong ? t('emailBad') : '';
    if (wrong) return email.focus();
    if (failed) session.outbox.drop(failed.frame.cid);
    session.store.set(key);
    session.post({ t: 'contact', ...values });
  };
  const box = h('form', { class: 'card fields', novalidate: true, submit, 'aria-labelledby': 'dh-form',
    input: () => session.store.set(key, JSON.stringify(read())) },
    h('h3', { id: 'dh-form' }, t('formTitle')),
    h('p', { class: 'note' }, t('formNote')),
    ...field('name', t('name'), { autocomplete: 'name', maxlength: 200 }),
    ...field('email', t('email'), { type: 'email', autocomplete: 'email', required: true, maxlength: 254 }),
    ...field('text', t('details'), { rows: 3, maxlength: session.limit }),
    bad,
    h('button', { class: 'primary' }, t('submit')));
  const values = { text: typed, ...failed?.frame, ...kept };
  for (const name of ['name', 'email', 'text']) box.elements[name].value = values[name] || '';
  return box;
};
