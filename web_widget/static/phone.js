// @ts-check
// On a phone the chat takes the whole screen: modal, above the keyboard, with Back as a way out.
import { adopt } from './elements.js';

const css = `
.cover>.panel{inset:0;translate:0 var(--shift,0);width:100%;max-width:none;height:var(--view,100dvh);max-height:none;border:0;border-radius:0}
.cover .composer{padding-bottom:calc(8px + env(safe-area-inset-bottom,0px))}.cover .head{padding-top:calc(12px + env(safe-area-inset-top,0px))}
.cover>.l{display:none}
`;

/**
 * @param {{ app: import('./protocol').App, box: HTMLElement, close: (byBack?: boolean) => void }} panel
 * @returns {{ trap: (event: KeyboardEvent) => void, end: (byBack?: boolean) => void }}
 */
export const cover = ({ app, box, close }) => {
  adopt(app.shadow, css);
  const page = document.documentElement;
  const { overflow } = page.style;
  const view = window.visualViewport;
  const back = () => close(true);
  const fit = () => {
    box.style.setProperty('--view', `${view?.height}px`);
    box.style.setProperty('--shift', `${view?.offsetTop}px`);
  };
  app.root.classList.add('cover');
  box.setAttribute('aria-modal', 'true');
  page.style.overflow = 'hidden';
  history.pushState({ ...history.state, deskhand: 1 }, '');
  addEventListener('popstate', back);
  view?.addEventListener('resize', fit);
  view?.addEventListener('scroll', fit);

  return {
    /** Keep Tab inside. */
    trap(event) {
      const all = box.querySelectorAll('button,a,input,textarea,summary,[tabindex="0"]');
      const stops = /** @type {HTMLElement[]} */ ([...all]).filter((stop) => stop.getClientRects().length);
      const [edge, other] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
      const at = app.shadow.activeElement;
      if (at != edge && !(at == box && event.shiftKey)) return;
      event.preventDefault();
      other?.focus();
    },
    end(byBack) {
      app.root.classList.remove('cover');
      box.removeAttribute('aria-modal');
      page.style.overflow = overflow;
      removeEventListener('popstate', back);
      view?.removeEventListener('resize', fit);
      view?.removeEventListener('scroll', fit);
      if (!byBack && history.state?.deskhand) history.back();
    },
  };
};
