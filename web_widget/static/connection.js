// @ts-check
// One socket that comes back by itself, or plain requests where sockets are blocked. Above it, both are the same frames.

const ALIVE = 25_000;
const BACK_TO_SOCKET = 300_000;

export class Connection {
  /**
   * @param {string} url
   * @param {{ hello: () => Promise<any>, frame: (frame: any) => void, connected: (state: string, code?: number) => void,
   *   rest: (lost: () => void) => Promise<any> }} owner
   */
  constructor(url, owner) {
    this.url = url;
    this.owner = owner;
    this.state = 'idle';
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {any} the REST stand-in */
    this.rest = null;
    this.failures = 0;
    this.timer = 0;
    this.pulse = 0;
    this.heard = 0;
    this.check = () => this.state == 'open' && this.ping(3_000);
    this.online = () => (this.state == 'open' ? this.check() : this.wanted && this.open());
    this.wanted = false;
  }

  start() {
    if (this.wanted) return;
    this.wanted = true;
    addEventListener('online', this.online);
    addEventListener('offline', this.check);
    document.addEventListener('visibilitychange', this.online);
    this.open();
  }

  stop() {
    this.wanted = false;
    removeEventListener('online', this.online);
    removeEventListener('offline', this.check);
    document.removeEventListener('visibilitychange', this.online);
    this.leaveRest();
    this.close();
    this.enter('idle');
  }

  /** @param {string} state @param {number} [code] */
  enter(state, code) {
    if (this.state == state && !code) return;
    this.state = state;
    this.owner.connected(state, code);
  }

  /** @param {any} frame @returns {boolean} false: not sent, the connection is not there */
  send(frame) {
    if (this.state == 'rest') return this.rest.send(frame);
    if (this.state != 'open') return false;
    this.socket?.send(JSON.stringify(frame));
    return true;
  }

  /** Drop the connection and make a new one: after a wrong token, or when an answer is overdue. */
  again() {
    this.leaveRest();
    this.close();
    this.enter('connecting');
    this.later(0);
  }

  /** @param {number} ms */
  later(ms) {
    clearTimeout(this.timer);
    if (this.wanted) this.timer = setTimeout(() => this.open(), ms);
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.pulse);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  leaveRest() {
    this.rest?.stop();
    this.rest = null;
  }

  async open() {
    if (this.socket) return;
    clearTimeout(this.timer);
    if (!this.rest) this.enter('connecting');
    const hello = await this.owner.hello();
    if (!this.wanted || this.socket) return;
    const socket = (this.socket = new WebSocket(this.url));
    let welcome = false;
    const late = setTimeout(() => socket.close(), 10_000);
    socket.onopen = () => socket.send(JSON.stringify(hello));
    socket.onmessage = ({ data }) => {
      if (this.socket != socket) return;
      this.heard = Date.now();
      const frame = JSON.parse(data);
      if (frame.t == 'welcome') {
        welcome = true;
        clearTimeout(late);
        this.failures = 0;
        this.leaveRest();
        this.owner.frame(frame);
        this.enter('open');
        this.ping();
      } else if (frame.t != 'pong') this.owner.frame(frame);
    };
    socket.onclose = ({ code }) => {
      clearTimeout(late);
      if (this.socket == socket) this.lost(code, welcome);
    };
  }

  /** @param {number} code @param {boolean} welcomed */
  lost(code, welcomed) {
    this.close();
    if (!this.rest) this.enter('connecting', code);
    const seconds = Math.random() * Math.min(30, 0.5 * 2 ** this.failures);
    if (!welcomed) this.failures++;
    if (this.rest) return this.later(BACK_TO_SOCKET);
    if (this.failures >= 3) void this.fallBack();
    const restart = code == 1012 || code == 1013;
    this.later(1000 * (restart ? Math.max(seconds, 1 + Math.random() * 4) : seconds));
  }

  /** Use REST, if the server answers there at all; else it is down and the socket goes on trying. */
  async fallBack() {
    const rest = await this.owner.rest(() => this.again()).catch((error) => {
      if (!error.final) return;
      // The server answers, and says no to this page: trying again soon would change nothing.
      this.later(BACK_TO_SOCKET);
      this.enter('refused');
    });
    if (!rest) return;
    if (!this.wanted || this.state == 'open' || this.rest) return rest.stop();
    this.rest = rest;
    this.later(BACK_TO_SOCKET);
    this.enter('rest');
  }

  /** Ask for a sign of life; reconnect without one. @param {number} patience milliseconds */
  ping(patience = 10_000) {
    clearTimeout(this.pulse);
    const asked = Date.now();
    if (this.state != 'open' || !this.send({ t: 'ping', n: asked })) return;
    this.pulse = setTimeout(() => {
      if (this.heard < asked) return this.again();
      const rest = ALIVE * (document.hidden ? 2 : 1);
      this.pulse = setTimeout(() => this.ping(), rest);
    }, patience);
  }
}
