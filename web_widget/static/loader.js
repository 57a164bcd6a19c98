// @ts-check
// The launcher. The chat (panel.js) comes on the first sign of intent. No cookie, no other origin.
(() => {
  /** @type {any} */
  const page = window;
  const doc = document;
  const stub = page.Deskhand;
  if (stub?.on) return; // a page swap ran the script again
  /** @type {any} */
  const script = doc.currentScript || doc.querySelector('[data-deskhand]');
  const base = new URL('./', script.src).href;
  const css = `:host{all:initial}@media print{.dh{display:none}}
.dh{--a:var(--dh-accent,var(--look,#0b6e69));--on:var(--dh-on-accent,var(--on-look,#fff))}
.dark{--a:var(--dh-accent,var(--look,#4cc2b6));--on:var(--dh-on-accent,var(--on-look,#06211e))}
.l,.n{position:fixed;border:1px solid transparent;border-radius:18px;background:var(--a);color:var(--on)}
.l{z-index:var(--dh-z,2147483000);bottom:calc(var(--dh-gap-y,20px) + env(safe-area-inset-bottom,0px));inset-inline-end:var(--dh-gap-x,20px);min-width:44px;width:var(--dh-launcher-size,56px);min-height:44px;height:var(--dh-launcher-size,56px);padding:0;cursor:pointer;box-shadow:0 2px 6px #0000001f,0 8px 24px #00000029}
.start>.l{inset-inline:var(--dh-gap-x,20px) auto}.l:focus-visible{outline:2px solid var(--a);outline-offset:2px}
.l path{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.n{position:absolute;bottom:42px;right:-6px;width:max-content;padding:0 6px;font:650 12px/20px system-ui,sans-serif;color:#fff;background:#b3261e}
.l[hidden],.n:empty{display:none}`;

  /** @type {any} */
  let loading;
  let failed = '';
  const state = { ready: false, open: false, unread: 0, connection: 'idle', conversationId: null };
  const options = { mode: 'popup', ...script.dataset };
  const emit = (name, detail) => doc.dispatchEvent(new CustomEvent('deskhand:' + name, { detail, cancelable: true }));

  const set = (element, values) => {
    for (const name in values) element.setAttribute(name, values[name]);
    return element;
  };
  const make = (name, values) => set(doc.createElement(name), values);
  const draw = (name, values) => set(doc.createElementNS('http://www.w3.org/2000/svg', name), values);
  const root = make('div', { class: 'dh' });
  const launcher = make('button', { class: 'l', part: 'launcher', 'aria-haspopup': 'dialog' });
  const badge = make('span', { class: 'n' });
  const icon = draw('svg', { viewBox: '0 0 24 24', width: 26 });
  const path = draw('path');
  icon.append(path);
  launcher.append(icon, badge);
  root.append(launcher);

  /** @type {any} */
  const app = {
    base, state, options, root, launcher, emit,
    api: base.replace(/\/w\/.*/, ''),
    words: ['Chat', 'unread', 'Chat could not load, try again'],
    dress() {
      const { theme, side } = options;
      const { open, unread } = state;
      const [name, news] = app.words;
      root.classList.toggle('dark', theme == 'dark' || (theme != 'light' && night.matches));
      root.classList.toggle('start', side == 'start');
      root.style.setProperty('--look', options.accent || '');
      set(path, { d: open ? 'm6 9 6 6 6-6' : 'M4 4.5h16v12h-8L7.5 20v-3.5H4z' });
      badge.textContent = failed || (open || !unread ? '' : unread > 99 ? '99+' : unread);
      set(launcher, { 'aria-label': failed || (unread ? `${name}, ${unread} ${news}` : name), 'aria-expanded': open });
      launcher.hidden = options.mode != 'popup' || options.launcher == 'none';
    },
    unread(n) {
      if (n == state.unread) return;
      state.unread = n;
      app.dress();
      emit('unread', n);
    },
    async panel(name, ...args) {
      try {
        loading ||= import(`${base}panel.js${failed && '?' + Date.now()}`).then((module) => module.mount(app));
        const panel = await loading;
        failed = '';
        return name ? panel[name](...args) : panel;
      } catch (error) {
        loading = 0;
        failed = app.words[2];
        emit('error', { code: 'load_failed', message: failed });
        app.dress();
      }
    },
  };
  const night = matchMedia('(prefers-color-scheme:dark)');

  const own = {
    boot(more) {
      Object.assign(options, more);
      if (doc.readyState == 'loading') return doc.addEventListener('DOMContentLoaded', () => own.boot());
      if (!app.host?.isConnected) doc.body.append(app.host || make('deskhand-chat'));
      app.dress();
      if (state.ready) return more && call('update', more);
      state.ready = true;
      emit('ready');
      if (options.mode != 'popup' || options.open != null) app.panel('open', { focus: false });
      else (page.requestIdleCallback || setTimeout)(peek);
    },
    on(name, listener) {
      listener.heard ||= (event) => listener(event.detail) === false && event.preventDefault();
      doc.addEventListener('deskhand:' + name, listener.heard);
      return () => call('off', name, listener);
    },
  };

  const peek = async () => {
    try {
      const read = (key) => localStorage.getItem(`deskhand:${options.site}:${key}`);
      const token = read('token');
      if (read('unsent')) return app.panel('resume');
      if (!token) return;
      const query = new URLSearchParams({ site: options.site, seen: read('seen') || '' });
      const headers = { Authorization: 'Bearer ' + token };
      const answer = await fetch(`${app.api}/w/state?${query}`, { headers, credentials: 'omit' });
      if (!state.open) app.unread((await answer.json()).unread || 0);
    } catch {} // opening the chat will tell
  };

  class Chat extends HTMLElement {
    connectedCallback() {
      if (!app.host) {
        app.host = this;
        for (const { name, value } of this.attributes) options[name] = value;
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(css);
        app.shadow = this.attachShadow({ mode: 'open' });
        app.shadow.adoptedStyleSheets = [sheet];
        app.shadow.append(root);
        if (options.site != null) own.boot();
      }
      if (app.host != this) return this.remove(); // a cached page brings back a twin
      if (options.mode == 'popup' && this.showPopover) {
        this.popover = 'manual'; // the top layer: nothing of the page covers it
        this.showPopover();
      }
      if (state.open) app.panel('resume');
    }

    disconnectedCallback() {
      setTimeout(() => state.ready && doc.body.append(this)); // the page swapped its body
    }
  }

  /** Every other function of the API is in api.js. */
  const call = (name, ...args) =>
    own[name] ? own[name](...args) : import(base + 'api.js').then((module) => module.run(app, name, args));
  Object.assign(app, own);
  page.Deskhand = new Proxy(call, { get: (_, name) => (name == 'state' ? { ...state } : call.bind(0, name)) });

  night.onchange = app.dress;
  launcher.onpointerenter = launcher.onfocus = () => app.panel();
  launcher.onclick = () => app.panel('toggle');
  doc.addEventListener('click', (/** @type {any} */ { target }) => {
    const from = target.closest(options.opener || '[data-deskhand-open]');
    if (from) app.panel('open', { view: from.dataset.deskhandOpen, from });
  });
  customElements.define('deskhand-chat', Chat);
  if (options.compat) call('compat');
  if (options.site != null) own.boot();
  stub?.q?.forEach((args) => call(...args));
})();
