// @ts-check
// What stays in this browser: the token, drafts, and what must arrive exactly once. The last waits in the outbox, also
// over reloads, and goes out in its order with the same cid each time. Memory takes over where storage is blocked or full.
/** @typedef {import('./protocol').Unsent} Unsent */
/** @typedef {import('./protocol').Lasting} Lasting */

/** 128 random bits in hex. */
export const fresh = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export class Store {
  /** @param {string} site */
  constructor(site) {
    this.prefix = `deskhand:${site}:`;
    /** @type {Map<string, string>} */
    this.memory = new Map();
  }

  /** @param {string} key @returns {string} */
  get(key) {
    try {
      return this.memory.get(key) ?? localStorage.getItem(this.prefix + key) ?? '';
    } catch {
      return '';
    }
  }

  /** An empty value removes the key. @param {string} key @param {string} [value] */
  set(key, value = '') {
    this.memory.delete(key);
    try {
      if (value) localStorage.setItem(this.prefix + key, value);
      else localStorage.removeItem(this.prefix + key);
    } catch {
      if (value) this.memory.set(key, value);
    }
  }

  /** @param {string} start @returns {string[]} */
  keys(start) {
    /** @type {string[]} */
    let stored = [];
    try {
      stored = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix));
    } catch {}
    const all = [...stored.map((key) => key.slice(this.prefix.length)), ...this.memory.keys()];
    return all.filter((key) => key.startsWith(start));
  }

  /** This tab's own place, kept over reloads. @param {Record<string, any>} [value] @returns {Record<string, any>} */
  tab(value) {
    try {
      if (value) sessionStorage.setItem(this.prefix + 'tab', JSON.stringify(value));
      return JSON.parse(sessionStorage.getItem(this.prefix + 'tab') || '{}');
    } catch {
      return value || {};
    }
  }

  /**
   * Run while no other tab does. Two tabs at once would be harmless (the server knows each cid) but out of order.
   * @template T @param {string} name @param {() => Promise<T>} run @returns {Promise<T>}
   */
  async locked(name, run) {
    if (navigator.locks) return navigator.locks.request(this.prefix + name, run);
    return (await import('./locks.js')).locked(this, 'lock:' + name, run);
  }
}

export class Outbox {
  /**
   * @param {Store} store
   * @param {{ deliver: (item: Unsent) => Promise<any>, settled: (item: Unsent, answer: any) => void }} owner
   *   `deliver` answers an ack or an error frame and throws when the connection is gone
   */
  constructor(store, owner) {
    this.store = store;
    this.owner = owner;
    this.busy = false;
    this.last = 0;
    this.timer = 0;
  }

  /** Oldest first. @returns {Unsent[]} */
  all() {
    const items = [];
    for (const key of this.store.keys('out:')) {
      try {
        items.push(JSON.parse(this.store.get(key)));
      } catch {} // another tab has just removed it
    }
    return items.sort((a, b) => a.at - b.at);
  }

  /** One key for each, so that two tabs never write the same one. @param {Unsent} item */
  save(item) {
    this.store.set('out:' + item.frame.cid, JSON.stringify(item));
    this.store.set('unsent', '1'); // the loader looks at it on the next page
  }

  /** @param {Lasting} frame @param {string} thread @param {import('./protocol').File[]} [files] to be shown with it */
  add(frame, thread, files) {
    this.last = Math.max(Date.now(), this.last + 1);
    this.save({ frame, thread, files, at: this.last, tries: 0, next: 0 });
    void this.flush();
  }

  /** @param {string} cid */
  drop(cid) {
    this.store.set('out:' + cid);
    // At once: a page that is left before the lock is given back must not make every later one look for what waits.
    if (!this.all().length) this.store.set('unsent');
  }

  /** @param {Unsent} item */
  retry(item) {
    this.save({ ...item, next: 0, final: false, error: '' });
    void this.flush();
  }

  /** The next one to send now. A waiting message holds back its own conversation only. @returns {Unsent | undefined} */
  due() {
    const held = new Set();
    for (const item of this.all()) {
      const place = item.frame.conv || item.thread;
      if (item.final || held.has(place)) continue;
      if (item.next <= Date.now()) return item;
      held.add(place);
    }
  }

  /** Send what is due, in order, while no other tab does. */
  async flush() {
    clearTimeout(this.timer);
    if (this.busy || !this.all().length) return;
    this.busy = true;
    try {
      await this.store.locked('outbox', async () => {
        for (let item = this.due(); item; item = this.due()) {
          const answer = await this.owner.deliver(item);
          if (answer.t == 'ack') this.drop(item.frame.cid);
          else this.postpone(item, answer);
          this.owner.settled(item, answer);
        }
      });
      const next = Math.min(...this.all().filter((item) => !item.final).map((item) => item.next));
      if (next < Infinity) this.timer = setTimeout(() => this.flush(), Math.max(next - Date.now(), 50));
      else this.store.set('unsent');
    } catch {
      // No connection: it calls flush when it is back.
    } finally {
      this.busy = false;
    }
  }

  /** @param {Unsent} item @param {import('./protocol').ErrorFrame} error */
  postpone(item, error) {
    item.tries++;
    item.error = error.message;
    item.code = error.code;
    item.final = error.final;
    const seconds = error.retry_after ?? Math.min(60, 2 ** item.tries) * (0.5 + Math.random() / 2);
    item.next = Date.now() + seconds * 1000;
    this.save(item);
  }
}
