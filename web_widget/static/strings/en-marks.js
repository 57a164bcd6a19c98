// The interface in English: whether an answer helped.
export default {
  helped: 'Did this help?',
  markUp: 'This helped',
  markDown: 'This did not help',
  markedUp: 'Marked: this helped.',
  markedDown: 'Marked: this did not help. You can say why.',
  markGone: 'Your mark is taken back.',
  markWhy: 'What was wrong?',
  markWrong: 'It is wrong',
  markOutdated: 'Out of date',
  markNotAsked: 'Not what I asked',
  markTooLong: 'Too long',
  markOther: 'Something else',
  markWords: 'In your words, if you like',
  markSend: 'Send',
  markSkip: 'Skip',
  markThanks: 'Thank you.',
};
