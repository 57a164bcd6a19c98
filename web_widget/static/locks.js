// @ts-check
// Pages without https have no Web Locks: a note in the storage with an end, looked at twice. Loaded only there.
import { fresh } from './outbox.js';

const LEASE = 20_000;

/** @template T @param {import('./outbox.js').Store} store @param {string} key @param {() => Promise<T>} run @returns {Promise<T>} */
export const locked = async (store, key, run) => {
  const me = fresh();
  while (!store.get(key).startsWith(me)) {
    if (Number(store.get(key).split(' ')[1] || 0) < Date.now()) store.set(key, `${me} ${Date.now() + LEASE}`);
    await new Promise((done) => setTimeout(done, 20 + Math.random() * 60));
  }
  try {
    return await run();
  } finally {
    store.set(key);
  }
};
