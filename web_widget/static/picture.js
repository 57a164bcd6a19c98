// @ts-check
// Pictures without <img>: fetched and drawn, so a strict page needs no `img-src` for them, and nothing jumps when they come.
import { h } from './elements.js';

const WIDE = 260; // px of a picture in a bubble, at most
const HIGH = 220;

/** What was drawn before, by the file's id. @type {Map<string, Promise<ImageBitmap>>} */
const drawn = new Map();

/** Remember a picture that the visitor has just chosen. @param {string} id @param {Blob} blob */
export const remember = (id, blob) => void drawn.set(id, createImageBitmap(blob));

/** How large it is shown. @param {number} width @param {number} height @returns {[number, number]} */
export const fit = (width, height, wide = WIDE, high = HIGH) => {
  const scale = Math.min(1, wide / width, high / height);
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
};

/** Its place is kept from the beginning. @param {number} width @param {number} height @param {string} [label] */
export const canvas = (width, height, label) => h('canvas', { width, height, role: 'img', 'aria-label': label });

/** @param {any} place a canvas @param {ImageBitmap} image @param {boolean} [cover] fill it and cut what is over */
export const draw = (place, image, cover) => {
  const { width, height } = place;
  const scale = (cover ? Math.max : Math.min)(width / image.width, height / image.height);
  const sharp = Math.min(2, devicePixelRatio || 1);
  place.style.width = `${width}px`;
  place.style.aspectRatio = `${width}/${height}`;
  place.width = width * sharp;
  place.height = height * sharp;
  const [w, h] = [image.width * scale * sharp, image.height * scale * sharp];
  place.getContext('2d').drawImage(image, (place.width - w) / 2, (place.height - h) / 2, w, h);
};

/** @param {string} id @param {string} url @returns {Promise<ImageBitmap>} rejects when the picture cannot be shown */
export const load = (id, url) => {
  let image = drawn.get(id);
  if (!image) {
    image = fetch(url, { credentials: 'omit' }).then((answer) => (answer.ok ? answer.blob() : Promise.reject(answer))).then((blob) => createImageBitmap(blob));
    image.catch(() => drawn.delete(id));
    drawn.set(id, image);
  }
  return image;
};
