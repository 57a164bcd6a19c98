// @ts-check
// The full page chat: its site is the last part of the address, so that one page serves every site.
export {};

const chat = document.createElement('deskhand-chat');
chat.setAttribute('mode', 'fullscreen');
chat.setAttribute('site', decodeURIComponent(location.pathname.split('/')[2] || ''));
const locale = new URLSearchParams(location.search).get('locale');
if (locale) chat.setAttribute('locale', locale);
/** @type {HTMLElement} */ (document.querySelector('main')).append(chat);
try {
  const config = await (await fetch(`/w/config?site=${encodeURIComponent(chat.getAttribute('site') || '')}`)).json();
  document.title = config.title || config.name || document.title;
} catch {} // a title is not worth an error
