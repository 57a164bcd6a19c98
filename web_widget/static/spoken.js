// @ts-check
// What a screen reader hears of a message that has just come: a long answer is not read out whole.
import { author } from './log.js';
import words from './strings/en-spoken.js';
import { add, t } from './words.js';

add(words);

const LONG = 60; // words

/** @param {import('./protocol').Message} message @returns {string} */
export const spoken = (message) => {
  const { files = [] } = message;
  const text = [message.text.replace(/[*`]|\[\d+\]/g, '').trim(), files[0] && t('spokenFiles', { n: files.length })].filter(Boolean).join('. ');
  const n = text.split(/\s+/).length;
  if (message.author == 'system') return text;
  if (message.author != 'ai') return `${author(message)}: ${text}`;
  return n > LONG ? t('answerLong', { text: text.match(/^.*?[.!?。](?=\s|$)/s)?.[0] || '', n }) : t('answer', { text });
};
