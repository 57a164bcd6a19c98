// @ts-check
// How large a file is, in words.
import { number } from './words.js';

/** `412 KB`, `2.1 MB`. @param {number} bytes */
export const size = (bytes) => (bytes < 1e6 ? `${number(Math.max(1, Math.round(bytes / 1e3)))} KB` : `${number(Math.round(bytes / 1e5) / 10)} MB`);
