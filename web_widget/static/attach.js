// @ts-check
// Files on their way out: by button, paste or drop. Looked at before they leave, made smaller if they are large pictures, uploaded
// at once; the message that is sent then names them. Loaded when the chat is opened.
import { action, adopt, h, icon, note } from './elements.js';
import { canvas, draw, remember } from './picture.js';
import { size } from './sizes.js';
import words from './strings/en-files.js';
import { add, t } from './words.js';

add(words);

const PIXELS = 2e6; // larger pictures are made smaller before they leave: nobody reads a screenshot at 12 megapixels
const QUALITY = 0.85;
const SIDE = 40; // px of a chip's picture

/** Endings of kinds that have more than their name. @type {Record<string, string[]>} */
const ENDINGS = { jpeg: ['jpg', 'jpeg', 'jpe', 'jfif'], txt: ['txt', 'log', 'text'], ogg: ['ogg', 'oga', 'opus'], heic: ['heic', 'heif'], mp4: ['mp4', 'm4v'] };

const css = `
.chips{list-style:none;display:flex;flex-wrap:wrap;gap:8px;max-height:30vh;overflow-y:auto;margin:0 0 8px!important;padding:2px!important}
.put{display:flex;align-items:center;gap:8px;flex:none;max-width:min(280px,100%);padding:4px 0 4px 8px;border:1px solid var(--line);border-radius:10px;background:var(--sunken)}
.put.bad{border-color:var(--bad);flex:1 1 100%;max-width:100%}.put div{flex:1}.put.bad b,.put.bad .note{white-space:normal}
.put canvas,.put>svg{flex:none;border-radius:6px;margin:0;color:var(--muted)}
.put div{min-width:0;display:grid}.put b{font:550 13px/18px var(--font);overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:var(--text)}
.put progress{width:100%;height:4px;margin:4px 0;appearance:none;border:0;border-radius:2px;overflow:hidden;background:var(--line)}
.put progress::-webkit-progress-bar{background:var(--line)}.put progress::-webkit-progress-value{background:var(--a)}.put progress::-moz-progress-bar{background:var(--a)}
.panel .put button.icon{width:36px;height:36px}.put .icon svg{width:18px;height:18px}
.panel .clip{width:36px}
.zone{position:absolute;z-index:3;inset:8px;display:grid;place-items:center;padding:24px;border:2px dashed var(--a);border-radius:12px;background:var(--surface);color:var(--ink);font:550 16px/24px var(--font);text-align:center;pointer-events:none}
`;

const CLIP = 'm20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4L14.5 7';
const PAPER = 'M7 3h7l4 4v14H7zM14 3v4h4';
const CLOSE = 'm6 6 12 12M18 6 6 18';
const AGAIN = 'M20 11a8 8 0 1 0-2.3 5.7M20 5v6h-6';

/** @typedef {import('./protocol').File} Stored */

/** One file. `stored` once the server has it; `problem` when it will not be sent as it is. */
class Put {
  /** @param {Attach} owner @param {File | null} file @param {Stored} [stored] */
  constructor(owner, file, stored) {
    this.owner = owner;
    this.file = file;
    this.stored = stored;
    this.name = stored?.name || file?.name || '';
    this.problem = '';
    this.failed = false;
    /** @type {XMLHttpRequest | null} */
    this.request = null;
    this.thumb = icon(PAPER);
    this.bar = h('progress', { max: 1, value: 0, 'aria-label': this.name });
    this.line = h('div');
    this.buttons = h('span', { class: 'line' });
    this.row = h('li', { class: 'put' }, this.thumb, this.line, this.buttons);
    this.dress();
  }

  get busy() {
    return !this.stored && !this.problem;
  }

  dress() {
    const { stored, problem, failed, file, name } = this;
    const said = problem ? note(problem, 'bad') : stored ? note(size(stored.size)) : this.bar;
    this.row.classList.toggle('bad', !!problem);
    this.line.replaceChildren(h('b', { dir: 'auto', title: name }, name), said);
    const button = (/** @type {string} */ d, /** @type {string} */ label, /** @type {() => void} */ click) =>
      h('button', { class: 'icon', type: 'button', 'aria-label': label, click }, icon(d));
    this.buttons.replaceChildren(
      ...(failed && file ? [button(AGAIN, t('again', { name }), () => void this.go())] : []),
      button(CLOSE, t('takeOff', { name }), () => this.owner.take(this)));
  }

  /** @param {string} problem a sentence, or the end of one that the name begins @param {boolean} [failed] it may be tried again */
  refuse(problem, failed = false) {
    this.problem = problem.replace(this.name + ' ', ''); // it stands above
    this.failed = failed;
    this.dress();
    this.owner.panel.say(problem.includes(this.name) ? problem : `${this.name} ${problem}`);
    this.owner.changed();
  }

  /** Make it smaller if it is a large picture, look whether it may be sent, and send it. */
  async go() {
    const { owner } = this;
    this.problem = '';
    this.failed = false;
    this.dress();
    let file = /** @type {File} */ (this.file);
    if (/^image\/(jpeg|png|webp|gif)$/.test(file.type)) {
      try {
        const image = await createImageBitmap(file);
        file = this.file = await smaller(file, image, owner.limits);
        this.name = file.name;
        const thumb = canvas(SIDE, SIDE);
        thumb.removeAttribute('role');
        draw(thumb, image, true);
        this.thumb.replaceWith(thumb);
        this.thumb = thumb;
        this.dress();
      } catch {} // no picture after all: the server will say so
    }
    const wrong = owner.wrong(file);
    if (wrong) return this.refuse(wrong);
    const { session } = owner;
    const request = (this.request = new XMLHttpRequest());
    const data = new FormData();
    data.append('file', file, file.name);
    request.open('POST', session.app.api + '/w/files');
    request.setRequestHeader('Authorization', 'Bearer ' + session.store.get('token'));
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => (this.bar.value = total ? loaded / total : 0);
    request.onerror = () => this.refuse(t('uploadFailed'), true);
    request.onload = () => {
      const { status, response } = request;
      if (status >= 200 && status < 300 && response) return this.done(response, file);
      const { message = t('uploadFailed') } = response?.error || {};
      this.refuse(message, status >= 500 || status == 429 || status == 401);
    };
    request.send(data);
  }

  /** @param {Stored} stored @param {File} file */
  done(stored, file) {
    this.stored = stored;
    if (stored.width) remember(stored.id, file);
    this.dress();
    this.owner.panel.say(t('attached', { name: this.name }));
    this.owner.panel.app.emit('file:uploaded', { id: stored.id, name: stored.name, type: stored.type, size: stored.size });
    this.owner.changed();
  }
}

export class Attach {
  /** @param {import('./panel.js').Panel} panel */
  constructor(panel) {
    this.panel = panel;
    this.session = panel.session;
    /** @type {Put[]} */
    this.puts = [];
    this.wanted = false;
    adopt(panel.app.shadow, css);
    const { composer, box } = panel;
    this.list = h('ul', { class: 'chips', hidden: true, 'aria-label': t('files') });
    this.offer = h('div', { hidden: true }, action(t('pasteFile'), () => this.asFile()));
    this.picker = h('input', { type: 'file', multiple: true, hidden: true, tabindex: -1, 'aria-hidden': 'true', change: () => this.add(this.picker.files) });
    this.button = h('button', { class: 'icon clip', type: 'button', 'aria-label': t('attach'), click: () => this.pick() }, icon(CLIP));
    this.zone = h('div', { class: 'zone', hidden: true }, t('drop'));
    composer.form.prepend(this.list, this.offer);
    composer.input.before(this.button);
    composer.form.append(this.picker);
    box.append(this.zone);
    composer.input.addEventListener('paste', (/** @type {ClipboardEvent} */ event) => this.paste(event));
    composer.input.addEventListener('input', () => (this.offer.hidden = true));
    for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) box.addEventListener(name, (/** @type {DragEvent} */ event) => this.drag(event));
    addEventListener('online', () => this.puts.forEach((put) => put.failed && void put.go()));
    this.reset();
  }

  /** What may be sent; nothing where the site takes no files. @returns {{ count: number, bytes: number, endings: string[] } | null} */
  get limits() {
    const { count, bytes, types = [] } = this.session.limits.files || {};
    return count ? { count, bytes, endings: types.flatMap((/** @type {string} */ type) => ENDINGS[type] || type) } : null;
  }

  get slot() {
    return this.panel.composer.slot + ':files';
  }

  /** Show what was uploaded for the conversation that is open now. Without files on this site there is no button. */
  reset() {
    /** @type {Stored[]} */
    let kept = [];
    try {
      kept = JSON.parse(this.session.store.get(this.slot) || '[]');
    } catch {}
    this.put(kept);
    this.allow();
  }

  allow() {
    const { limits } = this;
    this.button.hidden = !limits;
    this.picker.accept = limits?.endings.map((one) => '.' + one).join(',') || '';
  }

  /** Instead of what is there. @param {Stored[]} stored */
  put(stored) {
    for (const { request } of this.puts) request?.abort();
    this.puts = stored.map((one) => new Put(this, null, one));
    this.changed();
  }

  pick() {
    this.picker.value = '';
    this.picker.click();
  }

  /** @param {Iterable<File>} files */
  add(files) {
    import('./extras.js').catch(() => {}); // what shows them later must be here before the network may go
    for (const file of files) {
      const put = new Put(this, file);
      this.puts.push(put);
      void put.go();
    }
    this.changed();
    this.panel.composer.input.focus();
  }

  /** @param {Put} put */
  take(put) {
    put.request?.abort();
    this.puts = this.puts.filter((one) => one != put);
    this.changed();
    this.panel.composer.input.focus();
  }

  /** Why it cannot be sent, looked at before a byte leaves. @param {File} file @returns {string} empty when it can */
  wrong({ name, size: bytes }) {
    const { limits, puts } = this;
    const ending = (name.split('.').pop() || '').toLowerCase();
    if (!limits) return t('noFiles');
    if (puts.filter(({ problem }) => !problem).length > limits.count) return t('tooMany', { n: limits.count });
    if (!limits.endings.includes(ending)) return t('wrongType', { types: limits.endings.join(', ') });
    if (!bytes) return t('emptyFile');
    if (bytes > limits.bytes) return t('tooLarge', { max: size(limits.bytes) });
    return '';
  }

  changed() {
    const { puts, list, session } = this;
    const stored = puts.flatMap(({ stored }) => stored || []);
    session.store.set(this.slot, stored.length ? JSON.stringify(stored) : '');
    const rows = puts.map(({ row }) => row);
    if (rows.length != list.children.length || rows.some((row, n) => row != list.children[n])) list.replaceChildren(...rows);
    list.hidden = !puts.length;
    if (this.wanted && !puts.some(({ busy }) => busy)) {
      this.wanted = false;
      this.panel.composer.changed();
      if (!puts.some(({ failed }) => failed)) this.panel.composer.send();
    }
  }

  /** What goes with the message that is being sent: `undefined` nothing, `null` not yet. @returns {Stored[] | undefined | null} */
  ready() {
    const { puts, panel } = this;
    if (puts.some(({ busy }) => busy)) {
      this.wanted = true;
      panel.composer.hint.textContent = t('whenReady');
      return null;
    }
    if (puts.some(({ failed }) => failed)) return null;
    const stored = puts.flatMap(({ stored }) => stored || []);
    return stored.length ? stored : undefined;
  }

  /** @param {ClipboardEvent} event */
  paste(event) {
    const { files } = event.clipboardData || {};
    if (!this.limits) return;
    if (files?.length) {
      event.preventDefault();
      this.add(files);
    } else setTimeout(() => {
      const { composer } = this.panel;
      this.offer.hidden = !this.limits?.endings.includes('txt') || [...composer.input.value].length <= this.session.limit;
    });
  }

  /** A text that is too long for a message. */
  asFile() {
    const { composer } = this.panel;
    this.add([new File([composer.input.value], 'message.txt', { type: 'text/plain' })]);
    composer.put('');
    this.offer.hidden = true;
  }

  /** @param {DragEvent} event */
  drag(event) {
    const { type, dataTransfer, relatedTarget } = event;
    if (!this.limits || !dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    if (type == 'drop') this.add(dataTransfer.files);
    const left = type == 'dragleave' && !this.panel.box.contains(/** @type {Node} */ (relatedTarget));
    this.zone.hidden = type == 'drop' || (left || (type == 'dragleave' && this.zone.hidden));
  }
}

/** @param {File} file @param {ImageBitmap} image @param {{ endings: string[] } | null} limits @returns {Promise<File>} */
const smaller = async (file, image, limits) => {
  const { width, height } = image;
  const scale = Math.sqrt(PIXELS / (width * height));
  const type = file.type == 'image/jpeg' ? file.type : 'image/webp';
  const ending = type == 'image/jpeg' ? 'jpg' : 'webp';
  if (scale >= 1 || file.type == 'image/gif' || !limits?.endings.includes(ending)) return file;
  const place = h('canvas', { width: Math.round(width * scale), height: Math.round(height * scale) });
  place.getContext('2d').drawImage(image, 0, 0, place.width, place.height);
  /** @type {Blob | null} */
  const blob = await new Promise((done) => place.toBlob(done, type, QUALITY));
  if (!blob || blob.type != type || blob.size >= file.size) return file;
  return new File([blob], file.name.replace(/\.\w+$/, '') + '.' + ending, { type });
};
