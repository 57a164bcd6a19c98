// @ts-check
// The list of messages: each is an <article>. The list itself is silent for screen readers; panel.js speaks for it.
/** @typedef {import('./protocol').Message} Message */
import { action, h, note } from './elements.js';
import { link, render, safe, settled } from './markdown.js';
import { clock, day, t } from './words.js';

const FRAME = 50; // ms: a draft is painted at most 20 times a second
const PAGE = 40; // messages shown at first and by each "earlier"
const NEAR = 60; // px from the end that count as being at the end

/** @param {Message} message */
export const author = ({ author, name, type }) =>
  author == 'ai' ? t(type == 'offline' ? 'offlineAi' : type == 'auto' ? 'autoAi' : 'ai') : author == 'customer' ? t('you') : name || t('agent');

export class Log {
  /** @param {import('./panel.js').Panel} panel */
  constructor(panel) {
    this.panel = panel;
    this.session = panel.session;
    /** @type {Map<string, HTMLElement>} */
    this.articles = new Map();
    this.intro = h('div', { class: 'intro' });
    this.hours = h('p', { class: 'note' });
    this.earlier = h('button', { class: 'chip', hidden: true, click: () => this.older() }, t('earlier'));
    this.rows = h('div', { class: 'rows' });
    this.tail = h('div', { class: 'rows' });
    this.live = h('div', { class: 'rows' });
    this.choices = h('div', { class: 'choices', role: 'group', 'aria-label': t('choices') });
    this.list = h('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': t('log'), tabindex: 0, part: 'log' },
      this.intro, this.earlier, this.rows, this.tail, this.live, this.choices);
    this.pill = h('button', { class: 'pill', hidden: true, click: () => this.end() }, t('newMessages'));
    this.list.addEventListener('scroll', () => this.atEnd() && (this.pill.hidden = true), { passive: true });
    this.list.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => this.step(event));
    this.shown = PAGE;
    this.timer = 0;
    /** @type {any} */
    this.painted = null;
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
    this.sent();
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
    this.keep(() => {
      if (changed.length > PAGE) this.fill();
      else for (const message of changed) {
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
    const { id, cid = '', turn = '', seq, type = '', at, deleted, author: kind } = message;
    const { articles } = this;
    const article = articles.get(id) || articles.get(cid) || (kind == 'ai' && articles.get(turn)) || this.blank();
    articles.set(id, article);
    articles.delete(turn);
    article.className = `m ${kind} ${deleted ? 'gone' : type}`;
    article.dataset.seq = String(seq);
    article.setAttribute('aria-label', kind == 'system' ? clock(at) : `${author(message)}, ${clock(at)}`);
    article.removeAttribute('aria-busy');
    const [who, body, foot] = article.children;
    if (kind == 'ai' || kind == 'agent') who.replaceChildren(author(message), h('time', null, clock(at)));
    body.setAttribute('part', `bubble-${kind == 'customer' ? 'user' : kind}`);
    body.replaceChildren(this.body(message));
    foot.replaceChildren(...this.foot(message));
    const { files = [], reactions = [], picture } = message;
    if (files[0] || reactions[0] || picture) this.extras(article, message);
    return article;
  }

  /** What only few messages have: files, reactions, a picture. @param {HTMLElement} article @param {Partial<Message>} message */
  extras(article, message) {
    import('./extras.js').then(({ dress }) => this.keep(() => dress(this, article, message)), () => {});
  }

  blank() {
    return h('article', { tabindex: -1 }, h('div', { class: 'who' }), h('div', { class: 'b', dir: 'auto' }), h('div', { class: 'foot' }));
  }

  /** @param {Message} message @returns {Node} */
  body({ author, text, deleted, sources = [] }) {
    if (deleted || author == 'customer' || author == 'system') return h('p', { class: 'plain' }, deleted ? t('deleted') : text);
    return render(text, (n) => sources.some((source) => source.n == n) && this.marker(n));
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
    if (type == 'stopped') parts.push(note(t('stopped')));
    if (edited) parts.push(note(t('edited')));
    if (author == 'ai' && navigator.clipboard) {
      const copy = async (/** @type {any} */ { currentTarget }) => {
        await navigator.clipboard.writeText(text);
        currentTarget.textContent = t('copied');
        this.panel.say(t('copied'));
      };
      parts.push(action(t('copy'), copy));
    }
    if (author == 'ai' && !sources.length) parts.push(action(t('person'), () => this.panel.person()));
    return parts;
  }

  /** Show what is not stored yet, with its state in words. */
  pending() {
    const open = /open|rest/.test(this.session.connection.state);
    const unsent = this.session.pending.filter(({ frame }) => frame.t == 'send').map((item) => {
      const { cid, text } = /** @type {import('./protocol').SendFrame} */ (item.frame);
      const article = this.articles.get(cid) || this.blank();
      this.articles.set(cid, article);
      const [, body, foot] = article.children;
      const [why, ...ways] = this.fate(item, open);
      // Only the words change while seconds are counted down: who stands on a button stays there.
      if (article.dataset.ways == String(ways.length)) /** @type {Element} */ (foot.firstChild).replaceWith(why);
      else foot.replaceChildren(why, ...ways);
      article.dataset.ways = String(ways.length);
      article.className = 'm customer unsent';
      article.setAttribute('aria-label', t('you'));
      if (!body.firstChild) {
        body.append(h('p', { class: 'plain' }, text));
        if (item.files) this.extras(article, { text, files: item.files });
      }
      return article;
    });
    const { children } = this.tail;
    if (unsent.length != children.length || unsent.some((article, n) => article != children[n])) {
      this.keep(() => this.tail.replaceChildren(...unsent));
    }
    this.tick();
    this.sent();
  }

  /** "Sent" stands under the visitor's last message. */
  sent() {
    this.rows.querySelector('.sent')?.remove();
    [...this.rows.querySelectorAll('.customer>.foot')].at(-1)?.append(note(t('sent'), 'sent'));
  }

  /** In words: where a message stands, and what can be done. @param {import('./protocol').Unsent} item @param {boolean} open */
  fate(item, open) {
    const { next, error, code, final } = item;
    const frame = /** @type {import('./protocol').SendFrame} */ (item.frame);
    const n = Math.max(0, Math.ceil((next - Date.now()) / 1000));
    const drop = (text = '') => {
      this.session.outbox.drop(frame.cid);
      this.session.tell('outbox');
      this.panel.focus(text);
    };
    const edit = () => {
      drop(frame.text);
      this.panel.composer.attached?.put(item.files || []);
    };
    if (final) return [note(`${t('notSent')}. ${error}`, 'bad'), action(t('edit'), edit), action(t('discard'), () => drop())];
    if (!error) return [note(t(open ? 'sending' : 'queued'))];
    return [note(t(code == 'too_fast' ? 'wait' : 'notSentYet', { n }), 'bad'),
      action(t('retry'), () => this.session.outbox.retry(item)), action(t('discard'), () => drop())];
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
      article.children[2].replaceChildren(...(stopped ? [note(t('stopped'))]
        : failed ? [note(t('interrupted')), action(t('person'), () => this.panel.person())]
        : text ? [] : [note(t('answering'))]));
    });
  }

  /** Before the first message: a welcome, the disclaimer, questions to start with. */
  welcome() {
    const { site, now, conv } = this.session;
    const begun = now.messages.size > 0 || this.session.pending.length > 0;
    const starters = begun || (conv && !now.loaded) ? [] : site.starters || [];
    if (/away|closed/.test(site.people || '')) import('./hours.js').then(({ line }) => (this.hours.textContent = line(site)), () => {});
    this.intro.replaceChildren(...h('div', null,
      h('p', { class: 'hello', dir: 'auto' }, site.welcome || t('welcome')),
      h('p', { class: 'note' }, t('disclaimer')), this.hours,
      starters[0] && h('div', { class: 'choices', role: 'group', 'aria-label': t('starters') }, ...this.buttons(starters.slice(0, 4)))).childNodes);
  }

  /** @param {string[]} texts */
  buttons(texts) {
    const say = (/** @type {string} */ text) => {
      this.session.say(text);
      this.panel.focus();
    };
    return texts.map((text) => h('button', { class: 'chip', dir: 'auto', click: () => say(text) }, text));
  }

  /** Quick replies of the newest message, until something is said. */
  offer() {
    const last = this.session.sorted.at(-1);
    const texts = last?.author == 'customer' || this.session.pending.length ? [] : last?.choices || [];
    this.choices.replaceChildren(...this.buttons(texts.slice(0, 5)));
  }
}
