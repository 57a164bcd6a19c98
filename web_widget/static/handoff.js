// @ts-check
// An honest form for an address: nobody is there, nobody came in time, or the visitor would rather not wait. What was typed is kept.
import { action, adopt, h } from './elements.js';
import { t } from './words.js';

const css = `
.card.fields{gap:6px}.fields label{margin-top:6px;font-size:13px;line-height:18px}
`;

/**
 * @param {import('./people.js').People} people
 * @param {'contact' | 'ticket'} frame what is sent: an address for the ticket there is, or the wish for one
 * @returns {import('./people.js').Card}
 */
export const form = (people, frame) => {
  const { panel, session } = people;
  adopt(panel.app.shadow, css);
  const key = `draft:${session.conv}:form`;
  const kept = JSON.parse(session.store.get(key) || '{}');
  const failed = session.pending.find(({ frame, final }) => /contact|ticket/.test(frame.t) && final);
  const field = (/** @type {string} */ name, /** @type {string} */ label, /** @type {any} */ values) => [
    h('label', { for: 'dh-' + name }, label),
    h(name == 'text' ? 'textarea' : 'input', { id: 'dh-' + name, name, dir: 'auto', 'aria-describedby': 'dh-bad', ...values }),
  ];
  const bad = h('p', { id: 'dh-bad', class: 'note bad', role: 'alert' }, failed?.error);
  const place = h('p', { class: 'note' });
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
    // What stood in the composer has moved here: it must not be sent a second time.
    if (panel.composer.input.value.trim() == values.text) panel.composer.put('');
    people.leaving = '';
    session.post({ t: frame, ...values });
  };
  const waits = session.now.state == 'waiting';
  const box = h('form', { class: 'card fields', novalidate: true, submit, 'aria-labelledby': 'dh-form',
    input: () => session.store.set(key, JSON.stringify(read())) },
    h('h3', { id: 'dh-form' }, t(frame == 'ticket' ? 'leave' : 'formTitle')),
    h('p', { class: 'note' }, t(frame == 'ticket' ? 'leaveNote' : 'formNote')),
    ...field('name', t('name'), { autocomplete: 'name', maxlength: 200 }),
    ...field('email', t('email'), { type: 'email', autocomplete: 'email', required: true, maxlength: 254 }),
    ...field('text', t('details'), { rows: 3, maxlength: session.limit }),
    bad, place,
    h('div', { class: 'acts' }, h('button', { class: 'primary' }, t('submit')),
      frame == 'ticket' ? action(t(waits ? 'keepWaiting' : 'leaveNot'), () => people.stay())
        : waits && action(t('cancel'), () => session.post({ t: 'cancel' }))));
  const { queue } = session.now;
  const values = { text: panel.composer.input.value, ...queue, ...failed?.frame, ...kept };
  for (const name of ['name', 'email', 'text']) box.elements[name].value = values[name] || '';
  const update = () => {
    const { position: n, people: there } = session.now.queue || {};
    const live = n && there == 'here';
    place.textContent = live ? `${t('place', { n })} ${t('placeKept')}` : '';
    place.hidden = !live;
  };
  update();
  return { box, update };
};
