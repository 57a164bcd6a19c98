// @ts-check
// Where the visitor writes: grows with its text, keeps drafts, and its one button sends or stops.
import { action, h, icon } from './elements.js';
import { t } from './words.js';

const SEND = 'M12 19V5m-6 6 6-6 6 6';
const STOP = 'M8 8h8v8H8z';

export class Composer {
  /** @param {import('./panel.js').Panel} panel */
  constructor(panel) {
    this.session = panel.session;
    this.told = 0;
    /** @type {import('./attach.js').Attach | undefined} */
    this.attached;
    this.input = h('textarea', {
      id: 'dh-text', rows: 1, dir: 'auto', enterkeyhint: 'send', 'aria-describedby': 'dh-hint', autocomplete: 'off', 'aria-label': t('message'), placeholder: t('placeholder'),
      input: () => this.changed(), keydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    });
    this.button = h('button', { class: 'send' });
    this.hint = h('span', { id: 'dh-hint', class: 'note', role: 'status' });
    this.person = action(t('person'), () => panel.person());
    this.form = h('form', { class: 'composer', part: 'composer', submit: (/** @type {Event} */ event) => this.submit(event) },
      h('div', { class: 'line' }, this.input, this.button), h('div', { class: 'under' }, this.person, this.hint));
  }

  get slot() {
    return `draft:${this.session.conv || 'new'}`;
  }

  /** Show the draft of the conversation that is open now. */
  reset() {
    this.put(this.session.store.get(this.slot));
    this.attached?.reset();
  }

  /** @param {string} text */
  put(text) {
    this.input.value = text;
    this.changed();
  }

  changed() {
    const { session, input, hint } = this;
    session.store.set(this.slot, input.value);
    input.style.height = 'auto';
    input.style.height = `${Math.min(input.scrollHeight, 140)}px`;
    const left = session.limit - [...input.value].length;
    hint.textContent = left < 0 ? t('over', { n: -left }) : left < session.limit / 10 ? t('left', { n: left }) : '';
    hint.classList.toggle('bad', left < 0);
    input.setAttribute('aria-invalid', String(left < 0));
    this.dress();
    if (input.value && /waiting|human/.test(session.now.state) && Date.now() - this.told > 3000) {
      this.told = Date.now();
      session.connection.send({ t: 'typing', conv: session.conv, on: true });
    }
  }

  /** One button in one place, so that the focus stays: Stop while an answer comes and nothing is typed, else Send. */
  dress() {
    const { draft, state } = this.session.now;
    const stop = !!draft && !draft.stopped && !draft.failed && !this.input.value.trim();
    if (this.button.dataset.stop != String(stop)) {
      this.button.dataset.stop = stop;
      this.button.replaceChildren(icon(stop ? STOP : SEND));
    }
    this.button.setAttribute('aria-label', t(stop ? 'stop' : 'send'));
    this.person.hidden = /waiting|human/.test(state);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key != 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  }

  /** @param {Event} event */
  submit(event) {
    event.preventDefault();
    if (this.button.dataset.stop == 'true') this.session.stop();
    else this.send();
  }

  send() {
    const text = this.input.value.trim();
    const files = this.attached?.ready();
    if ((!text && !files) || files === null || [...text].length > this.session.limit) return this.input.focus();
    if (this.session.say(text, files) === false) return;
    this.put('');
    this.attached?.put([]);
  }

  /** An error that belongs to no message. @param {string} text */
  trouble(text) {
    this.hint.textContent = text;
    this.hint.classList.add('bad');
  }
}
