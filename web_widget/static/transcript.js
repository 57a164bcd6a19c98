// @ts-check
// The conversation as a text file, made in the page: nothing is asked of the server and nothing leaves the device.
import { h } from './elements.js';
import { author } from './log.js';
import { clock, day, t } from './words.js';

/** What is shown, as text: who, when, words, sources and the names of files. @param {import('./session.js').Session} session */
export const text = ({ sorted, site }) => {
  const lines = [site.title || site.name || t('title'), ''];
  for (const message of sorted) {
    const { author: kind, at, text: words, deleted, files = [], sources = [] } = message;
    lines.push(`${day(at)} ${clock(at)}  ${kind == 'system' ? '' : author(message) + ': '}${deleted ? t('deleted') : words}`);
    if (deleted) continue;
    for (const { name } of files) lines.push(`    [${name}]`);
    for (const { n, title, heading, url, updated } of sources) {
      const name = heading && heading != title ? `${title}: ${heading}` : title;
      const date = updated && `, ${t('updated', { date: day(updated) })}`;
      lines.push(`    [${n}] ${name}${date || ''}${url ? ` <${url}>` : ''}`);
    }
  }
  return lines.join('\r\n') + '\r\n';
};

/** @param {import('./session.js').Session} session */
export const save = (session) => {
  const href = URL.createObjectURL(new Blob(['\ufeff', text(session)], { type: 'text/plain;charset=utf-8' }));
  h('a', { href, download: `${t('log')}.txt` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
};
