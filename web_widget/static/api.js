// @ts-check
// The rest of the page's API, and the names other messengers use for it. Loaded when the page first calls one of them.
/** @typedef {any} App the loader's app, see protocol.d.ts */

/** @param {App} app @param {Record<string, any>} more */
const update = async (app, more) => {
  Object.assign(app.options, more);
  app.dress();
  if (app.loaded && more.locale) await app.panel('language');
};
/** @param {App} app @param {boolean} shown */
const show = (app, shown) => {
  if (!shown && app.state.open) void app.panel('close');
  return update(app, { launcher: shown ? '' : 'none' });
};

/** @type {Record<string, (app: App, ...args: any[]) => any>} */
const calls = {
  open: (app, wish) => app.panel('open', wish),
  close: (app) => app.state.open && app.panel('close'),
  toggle: (app) => app.panel('toggle'),
  show: (app) => show(app, true),
  hide: (app) => show(app, false),
  async send(app, text, { silent } = {}) {
    const panel = await app.panel();
    if (silent) panel.resume();
    else await panel.open();
    return panel.session.say(text) !== false;
  },
  prefill: async (app, text) => (await app.panel()).composer.put(text),
  update,
  setLocale: (app, locale) => update(app, { locale }),
  setTheme: (app, theme) => update(app, { theme }),
  page: (app, url = location.href, title = document.title) => update(app, { page: { url, title } }),
  /** Forget the visitor in this browser; the launcher stays. */
  async logout(app) {
    const mine = `deskhand:${app.options.site}:`;
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) if (key.startsWith(mine)) storage.removeItem(key);
    }
    if (app.loaded) {
      const panel = await app.panel();
      panel.close();
      panel.session.destroy();
      panel.start();
      panel.build();
    }
    app.unread(0);
  },
  /** Take everything off the page and close the socket; boot brings it back. */
  async shutdown(app) {
    app.state.ready = false;
    if (app.loaded) {
      const panel = await app.panel();
      panel.close();
      panel.session.connection.stop();
    }
    app.host?.remove();
  },
  off: (_, name, listener) => document.removeEventListener('deskhand:' + name, listener.heard),
  compat: (app) => install(app),
};

/** Names of Intercom and Chatwoot that mean nothing else here. @type {Record<string, (app: App, ...args: any[]) => any>} */
const aliases = {
  showMessages: (app) => calls.open(app, { view: 'messages' }),
  showSpace: (app, view) => calls.open(app, { view }),
  showNewMessage: (app, text) => calls.open(app, { view: 'new', text }),
  showConversation: (app, conversation) => calls.open(app, { conversation }),
  startConversation: (app, text) => calls.send(app, text),
  setColorScheme: calls.setTheme,
  toggleBubbleVisibility: (app, wish) => show(app, wish == 'show'),
  reset: calls.logout,
  getVisitorId: (app) => app.state.conversationId,
  onShow: (app, listener) => app.on('open', listener),
  onHide: (app, listener) => app.on('close', listener),
  onUnreadCountChange: (app, listener) => app.on('unread', listener),
};

/** @param {App} app @param {string} name @param {any[]} args */
export const run = async (app, name, args) => {
  const act = calls[name] || aliases[name];
  if (!act) throw new Error(`Deskhand has no call named "${name}". See docs/widget.md for the calls there are.`);
  return act(app, ...args);
};

/** Options as other messengers name them. @param {Record<string, any>} given */
export const options = ({ app_id, alignment, action_color, language_override, hide_default_launcher, custom_launcher_selector, ...rest } = {}) => {
  const named = { site: app_id, accent: action_color, locale: language_override, opener: custom_launcher_selector,
    side: alignment && (alignment == 'left' ? 'start' : 'end'), launcher: hide_default_launcher && 'none' };
  for (const [name, value] of Object.entries(named)) if (value) rest[name] = value;
  return rest;
};

/** Answer to another messenger's global name: `data-compat="intercom"` or `"chatwoot"`. @param {App} app */
const install = (app) => {
  const page = /** @type {any} */ (window);
  const go = (/** @type {string} */ name, /** @type {any[]} */ ...args) => run(app, name, args);
  if (app.options.compat == 'intercom') {
    /** @type {Record<string, Function>} */
    const other = {
      boot: (/** @type {any} */ given) => app.boot(options({ ...page.intercomSettings, ...given })),
      update: (/** @type {any} */ given) => go('update', options(given)),
      show: () => go('open'), hide: () => go('close'), shutdown: () => go('logout'),
    };
    const queue = page.Intercom?.q || [];
    page.Intercom = (/** @type {string} */ name, /** @type {any[]} */ ...args) => (other[name] ? other[name](...args) : go(name, ...args));
    for (const args of queue) page.Intercom(...args);
    if (page.intercomSettings) other.boot({});
  }
  if (app.options.compat == 'chatwoot') {
    page.chatwootSDK = { run: (/** @type {any} */ given) => app.boot({ site: given.websiteToken }) };
    page.$chatwoot = {
      toggle: (/** @type {string} */ wish) => go(wish || 'toggle'),
      get isOpen() { return app.state.open; },
    };
    for (const name of ['toggleBubbleVisibility', 'setLocale', 'setColorScheme', 'reset']) page.$chatwoot[name] = go.bind(0, name);
    const names = { ready: 'ready', open: 'opened', close: 'closed', 'message:received': 'on-message', error: 'error' };
    for (const [name, theirs] of Object.entries(names)) {
      app.on(name, (/** @type {any} */ detail) => void dispatchEvent(new CustomEvent('chatwoot:' + theirs, { detail })));
    }
    dispatchEvent(new CustomEvent('chatwoot:ready'));
  }
};
