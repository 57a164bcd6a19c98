// @ts-check
// When people are there and how long things take, in the visitor's own time and words.
import words from './strings/en-people.js';
import { add, clock, language, t, when } from './words.js';

add(words);

const weekday = when({ weekday: 'long' });
const DAY = 86_400_000;

/** A length of time, rounded up: better early than late. @param {number} seconds */
export const lasts = (seconds) => {
  if (seconds < 90) return t('seconds', { n: Math.max(1, Math.round(seconds)) });
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? t('minutes', { n: minutes }) : t('hours', { n: Math.ceil(minutes / 60) });
};

/** When they are back, if anybody knows. @param {{ people?: string, opens?: number | null }} about */
export const back = ({ people, opens }) => {
  if (people != 'closed' || !opens) return '';
  const days = Math.round((new Date(opens * 1000).setHours(12, 0, 0, 0) - new Date().setHours(12, 0, 0, 0)) / DAY);
  const day = days < 2 ? new Intl.RelativeTimeFormat(language(), { numeric: 'auto' }).format(days, 'day') : weekday(opens);
  return t('opens', { day, time: clock(opens) });
};

/** One line for the welcome: whether people are there. @param {import('./protocol').Site} site */
export const line = (site) => (site.people == 'away' ? t('awayNow') : back(site) || (site.people == 'closed' ? t('closedNow') : ''));
