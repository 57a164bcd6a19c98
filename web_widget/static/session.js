// @ts-check
// What this page knows: the visitor, the conversations, the answer being written. Frames in, changes out.
/** @typedef {import('./protocol').ServerFrame} ServerFrame */
/** @typedef {import('./protocol').Message} Message */
/** @typedef {import('./protocol').Thread} Thread */
/** @typedef {import('./protocol').Unsent} Unsent */
import { Connection } from './connection.js';
import { fresh, Outbox, Store } from './outbox.js';

const OVERDUE = 15_000;

export class Session {
  /**
   * @param {import('./protocol').App} app
   * @param {(what: string, detail?: any) => void} tell site, reset, messages, draft, state, outbox, connection, typing, trouble
   */
  constructor(app, tell) {
    const site = app.options.site || '';
    this.app = app;
    this.tell = tell;
    this.store = new Store(site);
    this.site = /** @type {import('./protocol').Site} */ ({});
    this.limit = 4000;
    /** @type {any} */
    this.limits = {};
    /** @type {Map<string, Thread>} */
    this.threads = new Map();
    /** @type {any} */
    this.epoch = undefined;
    /** @type {{ cid: string, done: (answer: any) => void, lost: () => void } | null} */
    this.sending = null;
    const here = this.store.tab();
    this.conv = here.conv || '';
    this.outbox = new Outbox(this.store, this);
    const orphan = this.outbox.all().find((item) => !item.frame.conv);
    this.thread = here.thread || orphan?.thread || fresh();
    this.connection = new Connection(`${app.api.replace(/^http/, 'ws')}/w/ws?site=${encodeURIComponent(site)}`, this);
    this.onstorage = (/** @type {StorageEvent} */ event) => this.elsewhere(event);
    addEventListener('storage', this.onstorage);
  }

  destroy() {
    removeEventListener('storage', this.onstorage);
    this.connection.stop();
  }

  /** The conversation that is shown; an empty one until the server has named it. @returns {Thread} */
  get now() {
    return this.known(this.conv);
  }

  /** @param {string} conv @returns {Thread} */
  known(conv) {
    let thread = this.threads.get(conv);
    if (!thread) this.threads.set(conv, (thread = { messages: new Map(), cursor: 0, state: 'ai', draft: null, loaded: !conv }));
    return thread;
  }

  get sorted() {
    return [...this.now.messages.values()].sort((a, b) => a.seq - b.seq);
  }

  /** What waits in the outbox for the conversation that is shown. */
  get pending() {
    const arrived = new Set([...this.now.messages.values()].map((message) => message.cid));
    return this.outbox.all().filter(({ frame, thread }) =>
      (frame.conv ? frame.conv == this.conv : thread == this.thread) && !arrived.has(frame.cid));
  }

  // Connection --------------------------------------------------------------------------------------------------

  async hello() {
    // Two new tabs must not become two visitors: the second one waits for the first one's token.
    if (!this.store.get('token')) {
      await new Promise((go) => void this.store.locked('hello', () => new Promise((done) => {
        this.tokenCame = done;
        setTimeout(done, this.store.get('token') ? 0 : 5000);
        go(0);
      })));
    }
    const { url = location.origin + location.pathname, title = document.title } = this.app.options.page || {};
    return {
      t: 'hello', token: this.store.get('token') || undefined, conv: this.conv || undefined, cursor: this.now.cursor,
      epoch: this.epoch, locale: this.app.root.lang, page: { url, title },
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    };
  }

  /** The stand-in for sockets. @param {() => void} lost */
  async rest(lost) {
    return (await import('./rest.js')).connect(this, lost);
  }

  /** @param {string} state @param {number} [code] */
  connected(state, code) {
    const sending = this.sending;
    if (code) this.tokenCame?.(0); // no token came: let the next one ask
    if (state != 'open' && state != 'rest' && sending) {
      this.sending = null;
      if (code == 1009) sending.done({ t: 'error', code: 'too_long', message: '', final: true });
      else sending.lost();
    }
    this.app.state.connection = state;
    this.app.emit('connection', state);
    this.tell('connection', state);
    if (state == 'open' || state == 'rest') void this.outbox.flush();
  }

  /** @param {Unsent} item @returns {Promise<any>} */
  deliver(item) {
    return new Promise((done, lost) => {
      if (!this.connection.send(item.frame)) return lost();
      const cid = item.frame.cid;
      this.sending = { cid, done, lost };
      setTimeout(() => this.sending?.cid == cid && this.sending.done == done && this.connection.again(), OVERDUE);
    });
  }

  /** @param {Unsent} item @param {any} answer */
  settled({ frame, thread, files }, answer) {
    if (answer.t == 'ack') {
      if (!frame.conv) this.named(thread, answer.conv);
      // The server now watches what it has just stored; that was another tab's conversation.
      if (this.conv && answer.conv != this.conv) this.pull(this.conv, 'open');
      if (frame.t == 'contact') this.thanked = true; // and the words for it are on their way
      if (frame.t == 'rating') this.app.emit('csat:submitted', { conversationId: answer.conv, rating: frame.rating, text: frame.text });
      if (frame.t == 'send') {
        const { id, seq, rev, cid } = answer;
        const message = { id, seq, rev, cid, author: /** @type {const} */ ('customer'), text: frame.text, files, at: Date.now() / 1000 };
        if (!this.known(answer.conv).messages.has(id)) this.upsert(answer.conv, [message]);
        this.app.emit('message:sent', { conversationId: answer.conv, messageId: id, text: frame.text });
      }
    } else if (answer.code == 'unknown_conversation' && frame.conv && frame.t == 'send') {
      // It was deleted in another tab: what was typed since is not lost, it opens a new one.
      const stranded = this.outbox.all().filter((item) => item.frame.t == 'send' && item.frame.conv == frame.conv);
      this.forget(frame.conv);
      for (const item of stranded) this.outbox.add({ ...item.frame, conv: undefined, cid: fresh() }, this.thread, item.files);
    } else {
      this.app.emit('message:failed', { cid: frame.cid, code: answer.code, message: answer.message });
      if (answer.final && !/send|contact|ticket/.test(frame.t)) {
        this.outbox.drop(frame.cid);
        this.tell('trouble', answer);
      }
    }
    this.tell('outbox');
  }

  /** The server has named a conversation that began here or in another tab. @param {string} thread @param {string} conv */
  named(thread, conv) {
    for (const item of this.outbox.all()) {
      if (!item.frame.conv && item.thread == thread) this.outbox.save({ ...item, frame: { ...item.frame, conv } });
    }
    this.store.set('named', `${thread} ${conv}`);
    this.adopt(thread, conv);
  }

  /** @param {string} thread @param {string} conv */
  adopt(thread, conv) {
    if (this.conv || thread != this.thread) return;
    this.place(conv);
    this.now.loaded = true; // it began here: everything in it is news
    this.app.emit('conversation:started', { conversationId: conv });
    this.pull(conv, 'open');
    this.tell('messages', [...this.now.messages.values()]); // the server may have told them before we knew whose they are
  }

  /** Another tab has changed what both share. @param {StorageEvent} event */
  elsewhere({ key, newValue }) {
    const name = key?.startsWith(this.store.prefix) ? key.slice(this.store.prefix.length) : '';
    if (name == 'named' && newValue) this.adopt(newValue.split(' ')[0], newValue.split(' ')[1]);
    if (name.startsWith('out:')) this.tell('outbox');
    if (name == 'seen') this.app.unread(0);
  }

  // Frames ------------------------------------------------------------------------------------------------------

  /** @param {any} frame */
  frame(frame) {
    const { t, conv } = frame;
    if (t == 'welcome') this.welcome(frame);
    else if (t == 'msgs') this.messages(frame);
    else if (t == 'delta' || t == 'turn') this.progress(conv, frame);
    else if (t == 'typing' && conv == this.conv) this.tell('typing', frame);
    else if (t == 'queue') {
      this.known(conv).queue = frame;
      this.tell('queue');
    }
    else if ((t == 'ack' || t == 'error') && frame.cid && frame.cid == this.sending?.cid && frame.code != 'bad_token') {
      const { done } = /** @type {any} */ (this.sending);
      this.sending = null;
      done(frame);
    } else if (t == 'error') this.trouble(frame);
  }

  /** @param {import('./protocol').WelcomeFrame} frame */
  welcome({ token, epoch, site, conv, limits }) {
    if (token) this.store.set('token', token);
    this.tokenCame?.(0);
    this.renew(epoch);
    this.site = site || {};
    this.limits = limits || {};
    this.limit = this.limits.text || this.limit;
    if (conv && !this.conv && !this.started) this.place(conv);
    this.tell('site');
  }

  /** After a restore from a backup another epoch begins: what we remember may never have been. @param {any} epoch */
  renew(epoch) {
    const before = this.epoch;
    this.epoch = epoch;
    if (before === undefined || epoch === before) return;
    this.threads.clear();
    if (this.conv) this.pull(this.conv);
    this.tell('reset');
  }

  /** True when this tab has begun a conversation that the server does not know yet. */
  get started() {
    return this.chosen || this.pending.length > 0;
  }

  /** @param {import('./protocol').MsgsFrame} frame */
  messages({ conv, after, cursor, more, state, msgs, turn, rating }) {
    if (state == 'gone') return this.forget(conv);
    const thread = this.known(conv);
    if (after > thread.cursor) return this.pull(conv);
    const first = !thread.loaded;
    thread.cursor = Math.max(thread.cursor, cursor);
    thread.loaded = !more;
    const before = thread.state;
    thread.state = state || thread.state;
    thread.rating = rating;
    if (turn) thread.draft = { turn: turn.id, attempt: turn.attempt, text: turn.text };
    else if (this.asked == conv) thread.draft = null;
    // Only in the state `ai` an answer may come: what was begun when people took over comes to nothing.
    const dropped = !turn && thread.draft && thread.state != 'ai';
    if (dropped) thread.draft = null;
    if (!more && this.asked == conv) this.asked = '';
    const news = this.upsert(conv, msgs, first, more);
    if (more) this.pull(conv);
    if (before != thread.state || rating != null) {
      this.tell('state');
      if (before != state && state == 'resolved') this.app.emit('conversation:resolved', { conversationId: conv });
    }
    if (turn || dropped) this.tell('draft');
    if (!first) for (const message of news) {
      const { id, author, text } = message;
      this.tell('news', message);
      this.app.emit('message:received', { conversationId: conv, messageId: id, author, text });
    }
  }

  /**
   * Put rows in; answers those of others that are new. A long conversation is shown at once, when its newest page is there.
   * @param {string} conv @param {Message[]} rows @param {boolean} [first] @param {boolean} [more]
   */
  upsert(conv, rows, first, more) {
    const { messages, draft } = this.known(conv);
    const mine = new Map(this.outbox.all().map((item) => [item.frame.cid, item]));
    const news = [];
    for (const row of rows) {
      const old = messages.get(row.id);
      if (old && old.rev > row.rev) continue;
      if (!old && row.author != 'customer') news.push(row);
      if (row.type == 'contact_saved') this.thanked = false;
      messages.set(row.id, row);
      const unsent = mine.get(row.cid || '');
      if (unsent) this.outbox.drop(unsent.frame.cid);
      // Its receipt was lost with an earlier page: so this is the conversation that it began.
      if (unsent && !unsent.frame.conv) this.named(unsent.thread, conv);
      if (draft && row.turn == draft.turn) this.known(conv).draft = null;
    }
    if (conv == this.conv && !(first && more)) this.tell('messages', first ? [...messages.values()] : rows);
    return news;
  }

  /** @param {string} conv @param {any} frame */
  progress(conv, { t, turn, attempt, phase, off, text }) {
    const thread = this.known(conv);
    let draft = thread.draft;
    for (const message of thread.messages.values()) if (message.turn == turn) return;
    if (!draft || draft.turn != turn || attempt > draft.attempt) {
      if (off || (draft && attempt < draft.attempt && draft.turn == turn)) return this.pull(conv);
      if (t == 'turn' && !/ing$/.test(phase)) return this.pull(conv);
      draft = thread.draft = { turn, attempt, text: '' };
    }
    if (attempt < draft.attempt || draft.stopped) return;
    if (t == 'delta') {
      if (off > draft.text.length) return this.pull(conv);
      draft.text += text.slice(draft.text.length - off);
    } else if (phase == 'failed') draft.failed = true;
    if (conv == this.conv) this.tell('draft');
  }

  /** Ask for what changed. @param {string} conv @param {string} [t] `open` also watches it from now on */
  pull(conv, t = 'pull') {
    this.asked = conv;
    this.connection.send({ t, conv, cursor: this.known(conv).cursor });
  }

  /** @param {import('./protocol').ErrorFrame & { conv?: string }} frame */
  trouble(frame) {
    const { code } = frame;
    if (code == 'bad_token') {
      this.store.set('token');
      this.threads.clear();
      this.place('');
      this.tell('reset');
      return this.connection.again();
    }
    if (code == 'unknown_conversation' || code == 'not_yours') return this.forget(frame.conv || this.conv);
    this.app.emit('error', frame);
    this.tell('trouble', frame);
  }

  // What the visitor does ---------------------------------------------------------------------------------------

  /** Send what the visitor says, unless the page objects. @param {string} words @param {import('./protocol').File[]} [files] uploaded before */
  say(words, files) {
    const detail = { text: words };
    if (!this.app.emit('before:send', detail) || (!detail.text.trim() && !files)) return false;
    this.post({ t: 'send', text: detail.text, files: files?.map(({ id }) => id) }, files);
  }

  /** @param {Record<string, any>} frame @param {import('./protocol').File[]} [files] */
  post(frame, files) {
    this.outbox.add(/** @type {any} */ ({ cid: fresh(), conv: this.conv || undefined, ...frame }), this.thread, files);
    this.tell('outbox');
  }

  stop() {
    const { draft } = this.now;
    if (!draft) return;
    draft.stopped = true;
    this.connection.send({ t: 'stop', conv: this.conv, turn: draft.turn });
    this.tell('draft');
  }

  /** Show a conversation; without one, begin anew. @param {string} [conv] */
  show(conv = '') {
    this.chosen = !conv;
    this.thread = fresh();
    this.threads.delete('');
    this.place(conv);
    if (conv) this.pull(conv, 'open');
    this.tell('reset');
  }

  /** @param {string} conv */
  place(conv) {
    this.conv = conv;
    this.app.state.conversationId = conv || null;
    this.store.tab({ conv, thread: this.thread });
  }

  /** It is deleted: nothing of it stays here. @param {string} conv */
  forget(conv) {
    const half = this.store.get('draft:' + conv);
    this.threads.delete(conv);
    for (const { frame } of this.outbox.all()) if (conv && frame.conv == conv) this.outbox.drop(frame.cid);
    for (const key of this.store.keys(`draft:${conv}`)) if (conv) this.store.set(key);
    if (conv == this.conv) {
      this.show();
      if (half) this.store.set('draft:new', half); // what was being written is not part of what was deleted
      this.tell('reset');
    }
  }

  /** Remember what was shown, for the count of unread messages on the next page. */
  seen() {
    const last = this.sorted.at(-1);
    if (last) this.store.set('seen', `${this.conv} ${last.seq}`);
  }
}
