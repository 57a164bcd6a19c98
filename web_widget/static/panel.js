// @ts-check
// The chat window: puts the parts together, opens and closes, says aloud what a screen reader should hear.
/** @typedef {import('./protocol').App} App */
// All at once, although some belong to parts of parts: one wave of requests instead of three.
import './connection.js';
import './markdown.js';
import './outbox.js';
import './strings/en.js';
import { Composer } from './composer.js';
import { adopt, h, icon } from './elements.js';
import { Log } from './log.js';
import { Session } from './session.js';
import { css } from './style.js';
import { speak, t } from './words.js';

const CLOSE = 'm6 6 12 12M18 6 6 18';
const MENU = 'M5 7h14M5 12h14M5 17h14';

/** @param {App} app */
export const mount = async (app) => {
  const panel = new Panel(app);
  app.loaded = true;
  adopt(app.shadow, css);
  if (!panel.popup) adopt(app.shadow, (await import('./embedded.js')).css);
  await panel.language();
  return panel;
};

export class Panel {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    /** @type {Session} */
    this.session;
    this.start();
    this.small = matchMedia('(max-width:520px)');
    this.popup = app.options.mode == 'popup';
    /** @type {Log} */
    this.log;
    /** @type {Composer} */
    this.composer;
  }

  start() {
    this.session = new Session(this.app, (what, detail) => this.tell(what, detail));
  }

  async language() {
    const { app } = this;
    const { locale } = app.options;
    const tag = (locale && locale != 'auto' ? locale : document.documentElement.lang || navigator.language) || 'en';
    await speak(tag);
    app.root.lang = tag;
    app.root.dir = /^(ar|fa|he|ur)\b/.test(tag) ? 'rtl' : 'ltr';
    app.words = [t('chat'), t('unread'), t('loadFailed')];
    app.dress();
    this.build();
  }

  build() {
    const { app } = this;
    this.log = new Log(this);
    this.composer = new Composer(this);
    this.title = h('h2', { id: 'dh-title', dir: 'auto' });
    this.status = h('p', { dir: 'auto' });
    this.menu = h('div', { class: 'menu', hidden: true });
    this.more = h('button', { class: 'icon', 'aria-label': t('menu'), 'aria-expanded': 'false', click: () => this.unfold(this.menu.hidden) }, icon(MENU));
    this.banner = h('div', { class: 'banner', hidden: true });
    this.typing = h('div', { class: 'typing note', dir: 'auto' });
    this.form = h('div', { class: 'rows' });
    this.main = h('div', { class: 'main' }, this.log.list, this.log.pill);
    this.voice = h('div', { class: 'vh', role: 'status' });
    this.log.list.append(this.form);
    const close = this.popup && h('button', { class: 'icon', 'aria-label': t('close'), click: () => this.close() }, icon(CLOSE));
    const box = h('section', { class: 'panel', part: 'panel', role: this.popup ? 'dialog' : 'region', 'aria-labelledby': 'dh-title', tabindex: -1, hidden: !app.state.open,
      keydown: (/** @type {KeyboardEvent} */ event) => this.key(event) },
      h('div', { class: 'head', part: 'header' }, h('div', null, this.title, this.status), this.more, this.menu, close),
      this.banner, this.main, this.typing, this.composer.form, this.voice);
    this.box?.remove();
    this.box = box;
    /** @type {Promise<import('./people.js').People | null> | null} */
    this.people = null;
    this.view = '';
    app.root.classList.add(...(this.popup ? ['popup'] : app.options.mode == 'inline' ? ['fill', 'inline'] : ['fill', 'wide']));
    app.root.append(box);
    this.composer.reset();
    this.site();
    this.log.reset();
    if (app.state.open) this.extend();
  }

  extend() {
    import('./opened.js').then(({ opened }) => opened(this), () => {});
  }

  // What the session tells --------------------------------------------------------------------------------------

  /** @param {string} what @param {any} detail */
  tell(what, detail) {
    const { log, composer, session } = this;
    if (!log) return;
    if (what == 'site') this.site();
    if (what == 'reset') {
      log.reset();
      composer.reset();
    }
    if (what == 'messages') log.messages(detail);
    if (what == 'draft') {
      log.draft();
      const { draft } = session.now;
      if (draft && draft.turn != this.announced) this.say(t('answering'));
      this.announced = draft?.turn || this.announced;
    }
    if (what == 'outbox' || what == 'connection') {
      log.pending();
      log.welcome();
      log.offer();
      if (what == 'outbox' && this.app.state.open && session.pending.some(({ tries }) => !tries)) log.end();
    }
    if (what == 'connection') this.connection(detail);
    if (what == 'typing') void this.people?.then((people) => people?.typist(detail));
    if (what == 'trouble') composer.trouble(detail.message);
    if (what == 'news') this.news(detail);
    if (what == 'draft') composer.dress();
    else this.refresh();
  }

  site() {
    const { site } = this.session;
    const { options, root } = this.app;
    const look = site.look || {};
    for (const name of /** @type {const} */ (['accent', 'theme', 'side'])) options[name] ||= look[name];
    if (look.on_accent) root.style.setProperty('--on-look', look.on_accent);
    this.title.textContent = site.title || site.name || t('title');
    this.log.welcome();
    this.composer.attached?.allow();
    this.app.dress();
  }

  /** Header, button and form follow the state. */
  refresh() {
    const { session, status, composer } = this;
    const { state } = session.now;
    status.className = state;
    status.textContent = t('state' + state);
    composer.dress();
    if (state != 'ai' || session.pending.some(({ frame }) => frame.t != 'send')) void this.crew();
    void this.people?.then((people) => people?.refresh());
    if (this.app.state.open && !document.hidden) session.seen();
  }

  /** What happens with people. */
  crew() {
    return (this.people ||= import('./people.js').then(({ People }) => new People(this), () => (this.people = null)));
  }

  /** Tell about a lost connection, but not about a blink. @param {string} state */
  connection(state) {
    clearTimeout(this.patience);
    const fine = /open|rest|idle/.test(state);
    if (fine) this.banner.hidden = true;
    else this.patience = setTimeout(() => {
      const text = t(state == 'refused' ? state : navigator.onLine ? 'reconnecting' : 'offline');
      if (this.banner.textContent != text || this.banner.hidden) this.say(text);
      this.banner.textContent = text;
      this.banner.hidden = false;
    }, 1000);
  }

  /** A message of somebody else has just come. @param {import('./protocol').Message} message */
  news(message) {
    const { app } = this;
    this.typing.textContent = '';
    import('./spoken.js').then(({ spoken }) => this.say(spoken(message)), () => {});
    void this.people?.then((people) => people?.news(message));
    if (!app.state.open || document.hidden) app.unread(app.state.unread + 1);
  }

  /** @param {string} text */
  say(text) {
    this.voice.textContent = '';
    setTimeout(() => (this.voice.textContent = text), 50);
  }

  // What the visitor does ---------------------------------------------------------------------------------------

  person() {
    const { session } = this;
    if (/waiting|human/.test(session.now.state) || session.pending.some(({ frame }) => frame.t == 'handoff')) return;
    session.post({ t: 'handoff' });
    this.chat();
  }

  /** @param {boolean} open */
  async unfold(open) {
    if (open) (await import('./menu.js')).fill(this);
    this.menu.hidden = !open;
    this.more.setAttribute('aria-expanded', String(open));
    if (open) this.menu.firstChild.focus();
  }

  /** Show a conversation, or begin a new one. @param {string} conv */
  choose(conv) {
    if (conv != this.session.conv || !conv) this.session.show(conv);
    this.chat();
  }

  /** Back from the list to the messages. */
  chat() {
    if (this.view) this.main.replaceChildren(this.log.list, this.log.pill);
    this.view = '';
    this.composer.form.hidden = false;
    this.log.end();
    this.focus();
  }

  async list() {
    await (await import('./conversations.js')).show(this);
  }

  /** @param {string} [text] to be edited */
  focus(text) {
    if (text) this.composer.put(text);
    // On a phone the keyboard would cover what there is to read.
    if (matchMedia('(pointer:coarse)').matches) this.box.focus();
    else this.composer.input.focus();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { key, shiftKey } = event;
    if (key == 'Escape' && !event.isComposing) {
      if (!this.menu.hidden) {
        void this.unfold(false);
        this.more.focus();
      } else if (this.view) this.chat();
      else if (this.popup) this.close();
      event.stopPropagation();
    }
    if (key == 'Tab') this.covering?.trap(event);
  }

  // The page's API ----------------------------------------------------------------------------------------------

  /** @param {{ view?: string, text?: string, conversation?: string, focus?: boolean, from?: HTMLElement }} [wish] */
  async open({ view, text, conversation, focus = true, from } = {}) {
    const { app, session } = this;
    session.connection.start();
    if (!app.state.open) {
      app.state.open = true;
      this.from = from || app.launcher;
      if (this.popup && this.small.matches) this.covering = (await import('./phone.js')).cover(this);
      this.box.hidden = false;
      this.log.end();
      app.unread(0);
      app.dress();
      app.emit('open');
      this.extend();
    }
    if (conversation && conversation != session.conv) session.show(conversation);
    if (view == 'new') this.choose('');
    if (view == 'messages') await this.list();
    else if (this.view) this.chat();
    else if (focus) this.focus();
    if (text) this.composer.put(text);
    this.refresh();
  }

  /** @param {boolean} [byBack] the browser has already left our history entry */
  close = (byBack = false) => {
    const { app } = this;
    if (!app.state.open || !this.popup) return;
    app.state.open = false;
    void this.unfold(false);
    this.box.hidden = true;
    this.covering?.end(byBack);
    this.covering = null;
    app.dress();
    (app.launcher.hidden ? this.from : app.launcher)?.focus();
    app.emit('close');
  };

  toggle() {
    return this.app.state.open ? this.close() : this.open();
  }

  /** Be connected without opening: messages of an earlier page still wait, or the page has swapped its body. */
  resume() {
    this.session.connection.start();
    this.log.end();
  }
}
