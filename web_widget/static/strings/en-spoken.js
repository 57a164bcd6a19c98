// The interface in English: what screen readers hear of a message.
export default {
  answer: 'Answer: {text}',
  answerLong: '{text} Answer complete, {n} words.',
  spokenFiles: { one: '{n} file', other: '{n} files' },
};
