// @ts-check
// The interface's words, numbers and times in the visitor's language.
import en from './strings/en.js';

/** Languages with a file in strings/. */
const SHIPPED = ['de'];
/** @type {Record<string, any>} */
const english = { ...en };
let words = english;
let lang = 'en';

/**
 * Say it in the visitor's language. `{n}` also picks the plural.
 * @param {string} key
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export const t = (key, values = {}) => {
  let text = words[key] ?? english[key];
  if (typeof text != 'string') text = text[new Intl.PluralRules(lang).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (/** @type {any} */ _, /** @type {string} */ name) => values[name]);
};

/** English words of a part that is loaded later. @param {Record<string, any>} more */
export const add = (more) => void Object.assign(english, more);

/** Load a language; stays with English when there is no file. @param {string} tag BCP 47 */
export const speak = async (tag) => {
  const [wanted] = tag.toLowerCase().split('-');
  words = english;
  lang = 'en';
  if (!SHIPPED.includes(wanted)) return;
  try {
    words = (await import(`./strings/${wanted}.js`)).default;
    lang = tag;
  } catch {} // English is better than no chat
};

/** @param {number | string} at Unix seconds or an ISO time */
const date = (at) => new Date(typeof at == 'number' ? at * 1000 : at);

/** Kept: making one costs as much as a whole message. @type {Record<string, Intl.DateTimeFormat>} */
const formats = {};

/** @param {Intl.DateTimeFormatOptions} form @returns {(at: number | string) => string} */
export const when = (form) => (at) => (formats[lang + Object.keys(form)] ||= new Intl.DateTimeFormat(lang, form)).format(date(at));

export const clock = when({ hour: '2-digit', minute: '2-digit' });
export const day = when({ dateStyle: 'medium' });

/** The language that is spoken. */
export const language = () => lang;

/** @param {number} n */
export const number = (n) => n.toLocaleString(lang);
