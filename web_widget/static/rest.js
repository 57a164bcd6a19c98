// @ts-check
// The same frames over plain requests, for networks that let no WebSocket through. Loaded only there.

const WAIT = 25; // seconds of one long poll

/**
 * Resolves when the server has answered once; rejects when it cannot be reached either.
 * @param {import('./session.js').Session} session
 * @param {() => void} lost called when requests fail as well
 */
export const connect = async (session, lost) => {
  const { app, store } = session;
  const site = app.options.site || '';
  const stopped = new AbortController();
  /** @type {AbortController | null} */
  let polling = null;
  let conv = '';

  /** @param {string} path @param {any} [body] @param {AbortSignal} [signal] */
  const ask = async (path, body, signal = stopped.signal) => {
    const token = store.get('token');
    const headers = { ...(body && { 'Content-Type': 'application/json' }), ...(token && { Authorization: 'Bearer ' + token }) };
    const answer = await fetch(app.api + path, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body), signal, credentials: 'omit' });
    const json = await answer.json();
    if (answer.ok) return json;
    const { code = 'unavailable', message = '', field, retry_after } = json.error || {};
    const wait = Number(retry_after ?? answer.headers.get('Retry-After')) || undefined;
    const final = answer.status < 500 && ![401, 408, 425, 429].includes(answer.status);
    throw { t: 'error', code, message, field, retry_after: wait, final };
  };

  /** Make the visitor and a conversation, if there is none yet: for one message always the same one. @param {string} [cid] */
  const begin = async (cid) => {
    const { locale, page } = await session.hello();
    const { token, session: made } = await ask('/api/v1/chat/session', { site, locale, page, cid });
    if (token) store.set('token', token);
    return made;
  };

  /** Follow one conversation: each answer is a msgs frame. @param {string} id @param {number} after */
  const follow = async (id, after) => {
    polling?.abort();
    conv = id;
    if (!id) return;
    const mine = (polling = new AbortController());
    for (let cursor = after, wait = 0; !mine.signal.aborted; wait = WAIT) {
      try {
        const page = await ask(`/api/v1/chat/history/${encodeURIComponent(id)}?after=${cursor}&wait=${wait}`, undefined, mine.signal);
        if (mine.signal.aborted) return;
        session.renew(page.epoch);
        session.frame({ t: 'msgs', conv: id, after: cursor, ...page });
        if (page.state == 'waiting') session.frame({ ...(await ask(`/api/v1/chat/queue/${encodeURIComponent(id)}`, undefined, mine.signal)), t: 'queue', conv: id });
        cursor = Math.max(cursor, page.cursor);
      } catch (error) {
        if (mine.signal.aborted) return;
        if (/** @type {any} */ (error).t != 'error') return lost();
        session.frame({ ...(/** @type {any} */ (error)), conv: id });
        if (/** @type {any} */ (error).final) return;
        await new Promise((done) => setTimeout(done, 1000 * (/** @type {any} */ (error).retry_after || 2)));
      }
    }
  };

  /** @param {any} frame */
  const post = async ({ t, cid, conv: known, id: message, emoji, ...rest }) => {
    try {
      const id = known || (await begin(cid));
      const { ack } = t == 'send'
        ? await ask('/api/v1/chat/message', { session: id, cid, ...rest })
        : await ask('/api/v1/chat/action', { session: id, cid, kind: t, message, text: emoji, ...rest });
      if (cid) session.frame({ ...ack, t: 'ack', cid, conv: id });
      if (conv != id) void follow(id, 0);
    } catch (error) {
      if (stopped.signal.aborted) return;
      if (/** @type {any} */ (error).t == 'error') session.frame({ ...(/** @type {any} */ (error)), cid });
      else lost();
    }
  };

  const config = await ask(`/w/config?site=${encodeURIComponent(site)}`);
  let last = session.conv;
  if (!last && store.get('token')) {
    const { sessions } = await ask('/api/v1/chat/sessions').catch(() => ({ sessions: [] }));
    last = sessions.find((/** @type {any} */ { state }) => state != 'resolved')?.session || '';
  }
  // After this function has answered: the connection must know that it has us.
  setTimeout(() => {
    if (stopped.signal.aborted) return;
    session.welcome({ t: 'welcome', epoch: session.epoch, site: config, conv: last, limits: config.limits });
    void follow(session.conv, session.now.cursor);
  });

  return {
    /** @param {any} frame */
    send(frame) {
      const { t, conv: id, cursor } = frame;
      if (t == 'open' || t == 'pull') void follow(id, cursor);
      else if (t != 'ping' && t != 'typing') void post(frame);
      return true;
    },
    stop() {
      stopped.abort();
      polling?.abort();
    },
  };
};
