// @ts-check
// The list of messages: each is an <article>. The list itself is silent for screen readers; panel.js speaks for it.
/** @typedef {import('./protocol').Message} Message */
import { h, icon } from './elements.js';
import { link, render, safe, settled } from './markdown.js';
import { clock, day, t } from './words.js';

const FRAME = 50; // ms: a draft is painted at most 20 times a second
const PAGE = 40; // messages shown at first and by each "earlier"
const NEAR = 60; // px from the end that count as being at the end

/** @param {Message} message */
export const author = ({ author, name, type }) =>
  author == 'ai' ? t(type == 'offline' ? 'offlineAi' : 'ai') : author == 'customer' ? t('you') : name || t('agent');

export class Log {
  /**
   * @param {import('./session.js').Session} session
   * @param {{ say: (text: string) => void, person: () => void, edit: (text: string) => void }} wiring
   */
  constructor(session, { say, person, edit }) {
    this.session = session;
    this.say = say;
    this.person = person;
    this.edit = edit;
    /** @type {Map<string, HTMLElement>} */
    this.articles = new Map();
    this.intro = h('div', { class: 'intro' });
    this.earlier = h('button', { class: 'chip', hidden: true, click: () => this.older() }, t('earlier'));
    this.rows = h('div', { class: 'rows' });
    this.tail = h('div', { class: 'rows' });
    this.live = h('div', { class: 'rows' });
    this.choices = h('div', { class: 'choices', role: 'group' });
    this.list = h('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': t('log'), tabindex: 0, part: 'log' },
      this.intro, this.earlier, this.rows, this.tail, this.live, this.choices);
    this.pill = h('button', { class: 'pill', hidden: true, click: () => this.end() }, t('newMessages'));
    this.list.addEventListener('scroll', () => this.atEnd() && (this.pill.hidden = true), { passive: true });
    this.list.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.step(event));
    this.shown = PAGE;
    this.timer = 0;
  }

  atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  end() {
    this.list.scrollTop = this.list.scrollHeight;
    this.pill.hidden = true;
  }

  /** Change the list and stay at the end, if it was there; else tell that there is more. @param {() => void} change */
  keep(change) {
    const near = this.atEnd();
    const height = this.list.scrollHeight;
    change();
    if (near) this.end();
    else if (this.list.scrollHeight > height) this.pill.hidden = false;
  }

  /** Alt with Page Up or Page Down goes from message to message. @param {KeyboardEvent} event */
  step(event) {
    const way = event.altKey && { PageUp: -1, PageDown: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const all = [...this.list.querySelectorAll('article')];
    const root = /** @type {ShadowRoot} */ (this.list.getRootNode());
    const at = all.findIndex((article) => article.contains(root.activeElement));
    all.at(at < 0 ? -1 : Math.min(Math.max(at + way, 0), all.length - 1))?.focus();
  }

  reset() {
    this.articles.clear();
    this.shown = PAGE;
    for (const part of [this.rows, this.tail, this.live]) part.replaceChildren();
    this.welcome();
    this.fill();
    this.pending();
    this.draft();
    this.end();
  }

  /** The newest messages in one go. */
  fill() {
    const all = this.session.sorted;
    this.earlier.hidden = all.length <= this.shown;
    this.rows.replaceChildren(...all.slice(-this.shown).map((message) => this.article(message)));
    this.offer();
  }

  older() {
    const height = this.list.scrollHeight;
    this.shown += PAGE;
    const first = this.rows.firstElementChild;
    this.fill();
    this.list.scrollTop += this.list.scrollHeight - height;
    first?.focus({ preventScroll: true });
  }

  /** @param {Message[]} changed */
  messages(changed) {
    if (changed.length > PAGE) return this.keep(() => this.fill());
    this.keep(() => {
      for (const message of changed) {
        const article = this.article(message);
        let after = this.rows.lastElementChild;
        while (after && (after === article || Number(after.dataset.seq) > message.seq)) after = after.previousElementSibling;
        const place = after ? after.nextElementSibling : this.rows.firstElementChild;
        if (place != article) this.rows.insertBefore(article, place);
      }
      this.pending();
      this.draft();
      this.offer();
      this.welcome();
    });
  }

  /** @param {Message} message @returns {HTMLElement} */
  article(message) {
    const { id, cid = '', turn = '', seq, type = '', at } = message;
    const known = this.articles.get(id) || this.articles.get(cid) || this.articles.get(turn) || this.blank();
    this.articles.set(id, known);
    const kind = message.author == 'system' ? 'system' : message.author;
    known.className = `m ${kind} ${type}`;
    known.dataset.seq = String(seq);
    known.setAttribute('aria-label', kind == 'system' ? clock(at) : `${author(message)}, ${clock(at)}`);
    const [body, foot] = /** @type {HTMLElement[]} */ ([...known.children].slice(-2));
    body.replaceChildren(...this.body(message));
    foot.replaceChildren(...this.foot(message));
    const head = known.querySelector('.who');
    if (kind == 'ai' || kind == 'agent') head?.replaceChildren(author(message), h('time', null, clock(at)));
    return known;
  }

  blank() {
    return h('article', { tabindex: -1 }, h('div', { class: 'who' }), h('div', { class: 'b', dir: 'auto' }), h('div', { class: 'foot' }));
  }

  /** @param {Message} message @returns {Node[]} */
  body({ author, text, deleted, sources = [] }) {
    if (deleted) return [h('em', null, t('deleted'))];
    if (author == 'customer' || author == 'system') return [h('p', { class: 'plain' }, text)];
    const cite = (/** @type {number} */ n) => sources.some((source) => source.n == n) ? this.marker(n) : null;
    return [render(text, cite)];
  }

  /** @param {number} n */
  marker(n) {
    const open = (/** @type {any} */ { target }) => {
      const article = target.closest('article');
      article.querySelector('details').open = true;
      article.querySelector(`[data-n="${n}"]`).focus();
    };
    return h('button', { class: 'cite', 'aria-label': t('cite', { n }), click: open }, n);
  }

  /** @param {Message} message @returns {Node[]} */
  foot({ author, text, type, sources = [], edited, deleted }) {
    const parts = [];
    if (deleted || author == 'system') return [];
    if (sources.length) parts.push(h('details', { class: 'sources' },
      h('summary', null, t('sources', { n: sources.length })),
      h('ol', null, ...sources.map(({ n, title, heading, url, updated }) => {
        const name = heading && heading != title ? `${title}: ${heading}` : title;
        const href = safe(url || '');
        return h('li', { value: n, dir: 'auto', tabindex: -1, 'data-n': n },
          href ? link(href, name) : name, updated && h('small', null, ' ' + t('updated', { date: day(updated) })));
      }))));
    if (type == 'stopped') parts.push(h('span', { class: 'note' }, t('stopped')));
    if (edited) parts.push(h('span', { class: 'note' }, t('edited')));
    if (author == 'ai' && navigator.clipboard) {
      const copy = async (/** @type {any} */ { currentTarget }) => {
        await navigator.clipboard.writeText(text);
        currentTarget.textContent = t('copied');
        this.say(t('copied'));
      };
      parts.push(h('button', { class: 'link', click: copy }, t('copy')));
    }
    if (author == 'ai' && !sources.length) parts.push(h('button', { class: 'link', click: this.person }, t('person')));
    return parts;
  }

  /** Show what is not stored yet, with its state in words. */
  pending() {
    const items = this.session.pending.filter(({ frame }) => frame.t == 'send');
    const open = /open|rest/.test(this.session.connection.state);
    this.keep(() => this.tail.replaceChildren(...items.map((item) => {
      const frame = /** @type {import('./protocol').SendFrame} */ (item.frame);
      const article = this.articles.get(frame.cid) || this.blank();
      this.articles.set(frame.cid, article);
      article.className = 'm customer unsent';
      article.setAttribute('aria-label', t('you'));
      article.children[1].replaceChildren(h('p', { class: 'plain' }, frame.text));
      article.children[2].replaceChildren(...this.fate(item, frame, open));
      return article;
    })));
    this.tick();
    const last = [...this.rows.children].filter((article) => article.matches('.customer')).pop();
    for (const article of this.rows.querySelectorAll('.customer>.foot')) {
      article.replaceChildren(...(article.parentElement == last ? [h('span', { class: 'note' }, t('sent'))] : []));
    }
  }

  /** @param {import('./protocol').Unsent} item @param {import('./protocol').SendFrame} frame @param {boolean} open */
  fate(item, frame, open) {
    const { outbox } = this.session;
    const n = Math.max(0, Math.ceil((item.next - Date.now()) / 1000));
    if (!item.error && !item.final) return [h('span', { class: 'note' }, t(open ? 'sending' : 'queued'))];
    const why = item.final ? [t('notSent'), item.error].filter(Boolean).join('. ')
      : item.code == 'too_fast' ? t('wait', { n }) : t('notSentYet', { n });
    const drop = () => {
      outbox.drop(frame.cid);
      this.session.tell('outbox');
    };
    return [
      h('span', { class: 'note bad' }, why),
      item.final
        ? h('button', { class: 'link', click: () => { drop(); this.edit(frame.text); } }, t('edit'))
        : h('button', { class: 'link', click: () => outbox.retry(item) }, t('retry')),
      h('button', { class: 'link', click: drop }, t('discard')),
    ];
  }

  /** Count down while something waits for its next try. */
  tick() {
    clearTimeout(this.ticking);
    const waits = this.session.pending.some((item) => !item.final && item.next > Date.now());
    if (waits) this.ticking = setTimeout(() => this.pending(), 1000);
  }

  /** The answer being written. Finished blocks stay as they are; only the open end is painted again. */
  draft() {
    const { draft } = this.session.now;
    if (!draft) {
      this.live.replaceChildren();
      this.painted = null;
      return;
    }
    if (!this.timer) this.timer = setTimeout(() => { this.timer = 0; this.paint(); }, this.painted ? FRAME : 0);
  }

  paint() {
    const { draft } = this.session.now;
    if (!draft) return;
    const { turn, attempt, text, stopped, failed } = draft;
    let mine = this.painted;
    if (!mine || mine.turn != turn || mine.attempt != attempt) {
      const article = mine?.turn == turn ? mine.article : this.blank();
      article.className = 'm ai draft';
      article.setAttribute('aria-label', t('ai'));
      article.setAttribute('aria-busy', 'true');
      article.children[0].textContent = t('ai');
      const tail = h('div', { class: 'tail' });
      article.children[1].replaceChildren(tail);
      this.articles.set(turn, article);
      mine = this.painted = { turn, attempt, article, tail, end: 0, length: -1 };
    }
    this.keep(() => {
      const { article, tail } = mine;
      if (this.live.firstChild != article) this.live.replaceChildren(article);
      const end = settled(text, mine.end);
      if (end > mine.end) tail.before(render(text.slice(mine.end, end), (n) => h('span', { class: 'cite' }, n)));
      mine.end = end;
      const rest = text.slice(end);
      tail.replaceChildren(text ? render(rest, (n) => h('span', { class: 'cite' }, n)) : h('span', { class: 'dots', 'aria-hidden': 'true' }));
      article.children[2].replaceChildren(...(stopped ? [h('span', { class: 'note' }, t('stopped'))]
        : failed ? [h('span', { class: 'note' }, t('interrupted')), h('button', { class: 'link', click: this.person }, t('person'))]
        : text ? [] : [h('span', { class: 'note' }, t('answering'))]));
    });
  }

  /** Before the first message: a welcome, the disclaimer, questions to start with. */
  welcome() {
    const { site, now, conv } = this.session;
    const begun = now.messages.size > 0 || this.session.pending.length > 0;
    const starters = begun || (conv && !now.loaded) ? [] : site.starters || [];
    this.intro.replaceChildren(...h('div', null,
      h('p', { class: 'hello', dir: 'auto' }, site.welcome || t('welcome')),
      h('p', { class: 'note' }, t('disclaimer')),
      starters[0] && h('div', { class: 'choices', role: 'group', 'aria-label': t('starters') }, ...this.buttons(starters.slice(0, 4)))).childNodes);
  }

  /** @param {string[]} texts */
  buttons(texts) {
    return texts.map((text) => h('button', { class: 'chip', dir: 'auto', click: () => this.session.say(text) }, text));
  }

  /** Quick replies of the newest message, until something is said. */
  offer() {
    const last = this.session.sorted.at(-1);
    const texts = last?.author == 'customer' || this.session.pending.length ? [] : last?.choices || [];
    this.choices.setAttribute('aria-label', t('choices'));
    this.choices.replaceChildren(...this.buttons(texts.slice(0, 5)));
  }
}
