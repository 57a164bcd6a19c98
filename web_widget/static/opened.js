// @ts-check
// What a chat that has been opened gets a moment later: files to attach, and what can be done with a message and an answer.

/** @param {import('./panel.js').Panel} panel */
export const opened = async (panel) => {
  const { Attach } = await import('./attach.js');
  panel.composer.attached ||= new Attach(panel);
  const { amendable } = await import('./amend.js');
  amendable(panel.log);
  const { markable } = await import('./marks.js');
  markable(panel.log);
};
