// @ts-check
// The sample shop's own script. It uses nothing but the public calls of the chat.
export {};

const chat = (/** @type {any[]} */ ...args) => /** @type {any} */ (window).Deskhand?.(...args);

/** @type {NodeListOf<HTMLElement>} */
const asks = document.querySelectorAll('[data-ask]');
for (const button of asks) button.addEventListener('click', () => chat('send', button.dataset.ask));

for (const input of document.querySelectorAll('input[type=radio]')) {
  input.addEventListener('change', ({ target }) => {
    const { name, value } = /** @type {HTMLInputElement} */ (target);
    if (name == 'theme') document.documentElement.dataset.theme = value;
    chat('update', { [name]: value });
  });
}

const site = /** @type {HTMLElement} */ (document.querySelector('[data-deskhand]')).dataset.site;
const snippet = `<script async src="${location.origin}/w/loader.js" data-deskhand data-site="${site}"></script>`;
/** @type {HTMLElement} */ (document.getElementById('snippet')).textContent = snippet;
/** @type {HTMLAnchorElement} */ (document.getElementById('full')).href = `/chat/${site}`;
/** @type {HTMLElement} */ (document.getElementById('copy')).addEventListener('click', async () => {
  const told = /** @type {HTMLElement} */ (document.getElementById('copied'));
  try {
    await navigator.clipboard.writeText(snippet);
    told.textContent = 'Copied';
  } catch {
    told.textContent = 'Select the line and copy it.';
  }
});
