// @ts-check
// What happens with people: who has joined, who is typing, and the card that is due at the end of the conversation.
// Loaded as soon as somebody is asked for, has it, or has closed it.
import { adopt, h } from './elements.js';
import { css as faces, face } from './face.js';
import later from './strings/en-later.js';
import words from './strings/en-people.js';
import { add, t } from './words.js';

add(words);
add(later);

/** @typedef {import('./protocol').Message} Message */
/** @typedef {{ box: HTMLElement, update?: () => void, end?: () => void }} Card */

const TYPING = 6000; // ms after which typing is forgotten

/** Under these a form for an address is shown; any other word about people ends that. */
const ASKS = /^(handoff_no_desk|handoff_closed|handoff_away|offline_form|ticket_form)$/;

const css = `
.head .face{margin-inline-end:8px}
.panel .card{display:grid;gap:8px;padding:16px;background:var(--surface);border:1px solid var(--line);border-radius:14px}
.panel .card :is(h3,legend){padding:0;font:650 16px/24px var(--font)}
.card .acts{display:flex;flex-wrap:wrap;align-items:center;gap:8px 16px;margin-top:4px}.panel .card .primary{margin:0}
.card .acts .link{min-height:44px;padding:10px 0}
`;

export class People {
  /** @param {import('./panel.js').Panel} panel */
  constructor(panel) {
    this.panel = panel;
    this.session = panel.session;
    this.kind = '';
    /** @type {Card | null} */
    this.card = null;
    this.asking = false;
    /** The conversation for which the visitor wants to leave a message instead of waiting. */
    this.leaving = '';
    /** Milliseconds by which this browser's clock is ahead of the server's. */
    this.skew = 0;
    this.heard = false;
    this.face = h('span', { hidden: true });
    adopt(panel.app.shadow, faces + css);
    panel.box.querySelector('.head').prepend(this.face);
  }

  refresh() {
    const { panel, session } = this;
    const { state, messages, queue } = session.now;
    const agent = state == 'human' && [...messages.values()].filter(({ author, type, name }) => name && (author == 'agent' || type == 'joined')).pop();
    const shown = agent ? `${agent.name} ${agent.picture}` : '';
    if (this.face.dataset.who != shown) {
      const fresh = agent ? face(agent.name || '', agent.picture) : h('span', { hidden: true });
      fresh.dataset.who = shown;
      this.face.replaceWith(fresh);
      this.face = fresh;
    }
    if (agent) panel.status.textContent = t('named', { name: agent.name });
    if (state == 'waiting' && queue?.position && queue.people == 'here') panel.status.textContent = t('place', { n: queue.position });
    const asking = session.pending.some(({ frame, final }) => frame.t == 'handoff' && !final);
    if (asking != this.asking) panel.typing.textContent = asking ? t('asking') : '';
    this.asking = asking;
    const kind = this.wanted();
    if (kind != this.kind) void this.show((this.kind = kind));
    else if (this.card?.update) panel.log.keep(this.card.update);
  }

  /** Which card, and of which conversation: another one is another card. */
  wanted() {
    const { session } = this;
    const { state, rating, messages } = session.now;
    if (!session.conv) return '';
    const { queue } = session.now;
    if (session.conv == this.leaving || this.failed('ticket')) return 'ticket ' + session.conv;
    // A ticket that is answered later stands in no queue: nothing to count.
    if (state == 'waiting') return this.contact() ? 'contact ' + session.conv : queue?.position === 0 ? '' : 'waiting ' + session.conv;
    const rated = session.pending.some(({ frame, final }) => frame.t == 'rating' && !final);
    const helped = [...messages.values()].some(({ author }) => author == 'ai' || author == 'agent');
    if (state != 'resolved' || !helped || session.store.get(this.skip) == this.closed) return '';
    const kind = 'rating ' + session.conv;
    // Once it is there it stays, and says thank you by itself.
    return this.kind == kind || (rating === 0 && !rated) ? kind : '';
  }

  /** Where it is noted that the visitor does not want to rate this closing. */
  get skip() {
    return `draft:${this.session.conv}:skip`;
  }

  get closed() {
    return String(this.session.sorted.at(-1)?.seq);
  }

  /** Whether the newest word about a person is that nobody is there: then an address is wanted. */
  contact() {
    const { session } = this;
    const last = session.sorted.findLast(({ author }) => author == 'system');
    return ASKS.test(last?.type || '') && !session.thanked && !session.pending.some(({ frame, final }) => /contact|ticket/.test(frame.t) && !final);
  }

  /** @param {string} kind of frame that the server did not take */
  failed(kind) {
    return this.session.pending.some(({ frame, final }) => frame.t == kind && final);
  }

  /** Rather leave a message. */
  leave() {
    this.leaving = this.session.conv;
    this.refresh();
  }

  /** Rather wait, or go on with the assistant. */
  stay() {
    this.leaving = '';
    for (const { frame, final } of this.session.pending) if (frame.t == 'ticket' && final) this.session.outbox.drop(frame.cid);
    this.refresh();
  }

  /** @param {string} kind */
  async show(kind) {
    const { panel } = this;
    const card = await this.make(kind).catch(() => null);
    if (kind != this.kind) return card?.end?.();
    this.card?.end?.();
    this.card = card;
    if (panel.form.contains(panel.app.shadow.activeElement)) panel.focus();
    panel.log.keep(() => panel.form.replaceChildren(...(card ? [card.box] : [])));
    if (kind.startsWith('ticket') && card) card.box.querySelector('input')?.focus();
  }

  /** @param {string} kind @returns {Promise<Card | null>} */
  async make(kind) {
    const [name] = kind.split(' ');
    if (name == 'contact' || name == 'ticket') return (await import('./handoff.js')).form(this, name);
    if (name == 'waiting') return (await import('./waiting.js')).waiting(this);
    if (name == 'rating') return (await import('./rating.js')).rating(this);
    return null;
  }

  /** A message of somebody else has just come. @param {Message} message */
  news({ type = '', text, name, at }) {
    const detail = { conversationId: this.session.conv, reason: type, text, name };
    const ahead = Date.now() - new Date(typeof at == 'number' ? at * 1000 : at).getTime();
    if (!this.heard || ahead < this.skew) this.skew = ahead;
    this.heard = true;
    const { app } = this.panel;
    if (type == 'handoff_cancelled') app.emit('handoff:cancelled', detail);
    else if (type.startsWith('handoff')) app.emit('handoff:requested', detail);
    if (type == 'joined') app.emit('handoff:joined', detail);
  }

  /** @param {import('./protocol').TypingFrame} frame */
  typist({ name, on }) {
    const { panel } = this;
    clearTimeout(this.forgetting);
    panel.typing.textContent = on ? t('typing', { name: name || t('agent') }) : '';
    if (on) this.forgetting = setTimeout(() => (panel.typing.textContent = ''), TYPING);
    panel.app.emit('typing', { name, on });
  }
}
