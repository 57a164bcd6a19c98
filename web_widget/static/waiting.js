// @ts-check
// Waiting for a person: a countdown, the place in the queue, what it usually takes, and two ways out. Every number is the server's;
// where it has none, that is said.
import { action, adopt, h } from './elements.js';
import { back, lasts } from './hours.js';
import { t } from './words.js';

const ANNOUNCE = 30; // s between two words about the countdown for screen readers

const css = `
.wait .line{justify-content:space-between;gap:12px}
.wait [role=timer]{font:650 20px/24px var(--font);font-variant-numeric:tabular-nums;color:var(--ink)}
.wait progress{width:100%;height:4px;appearance:none;border:0;border-radius:2px;overflow:hidden;background:var(--line)}
.wait progress::-webkit-progress-bar{background:var(--line)}.wait progress::-webkit-progress-value{background:var(--a);transition:width 1s linear}.wait progress::-moz-progress-bar{background:var(--a)}
@media(prefers-reduced-motion){.wait progress::-webkit-progress-value{transition:none}}
`;

/** `0:45`, `12:05`. @param {number} seconds */
const watch = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;

/** @param {import('./people.js').People} people @returns {import('./people.js').Card} */
export const waiting = (people) => {
  const { panel, session } = people;
  adopt(panel.app.shadow, css);
  const title = h('h3');
  const left = h('p', { role: 'timer' });
  const bar = h('progress', { max: 1, 'aria-hidden': 'true' });
  const place = h('p');
  const usual = h('p', { class: 'note' });
  const box = h('section', { class: 'card wait', 'aria-label': t('waitTitle') },
    h('div', { class: 'line' }, title, left), bar, place, usual,
    h('div', { class: 'acts' },
      h('button', { class: 'chip', click: () => people.leave() }, t('leave')),
      action(t('cancel'), () => {
        session.post({ t: 'cancel' });
        panel.focus();
      })));
  let told = 0;

  const update = () => {
    const { queue } = session.now;
    const here = !queue || queue.people == 'here';
    const total = queue?.until ? queue.until - queue.since : 1;
    const seconds = queue?.until ? Math.max(0, Math.ceil(queue.until - (Date.now() - people.skew) / 1000)) : 0;
    title.textContent = t(here ? (seconds ? 'waitTitle' : 'waitStill') : 'wait' + queue.people);
    left.textContent = seconds ? watch(seconds) : '';
    left.hidden = bar.hidden = !seconds;
    bar.value = seconds ? 1 - seconds / total : 1;
    place.textContent = here ? (queue?.position ? t('place', { n: queue.position }) : '') : back(queue);
    usual.textContent = !queue ? '' : here ? (queue.expected == null ? t('unknown') : t('expected', { time: lasts(queue.expected) }))
      : queue.reply == null ? '' : t('reply', { time: lasts(queue.reply) });
    for (const line of [place, usual]) line.hidden = !line.textContent;
    const step = Math.ceil(seconds / ANNOUNCE);
    if (queue && seconds && step != told) panel.say(`${told ? '' : t('waitTitle') + '. '}${t('countdown', { time: lasts(seconds) })} ${told ? '' : place.textContent}`);
    told = seconds ? step : told;
  };
  const { form } = panel;
  // Another language makes another window: the old one must not go on talking.
  const timer = setInterval(() => (panel.form == form ? panel.log.keep(update) : clearInterval(timer)), 1000);
  update();
  return { box, update, end: () => clearInterval(timer) };
};
