// @ts-check
// What stays in this browser: the token, unsent messages, drafts. Memory takes over where storage is blocked or full.

/** 128 random bits in hex. */
export const fresh = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

const sleep = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

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
    // Pages without https have no Web Locks: a note with an end, looked at twice.
    const [key, me] = ['lock:' + name, fresh()];
    while (!this.get(key).startsWith(me)) {
      if (Number(this.get(key).split(' ')[1] || 0) < Date.now()) this.set(key, `${me} ${Date.now() + 20_000}`);
      await sleep(20 + Math.random() * 60);
    }
    try {
      return await run();
    } finally {
      this.set(key);
    }
  }
}
