// The interface in English: taking a conversation along to another channel or device, and bringing one here.
export default {
  carry: 'Go on elsewhere',
  carryNote: 'Take this conversation along: give a code where you want to go on. It works once, within ten minutes. Show it to nobody else.',
  carryCode: 'Show a code',
  carryOpen: 'Go on in {name}',
  carryScan: 'QR code that opens {name}',
  carryHere: 'Bring a conversation here',
  carryHereNote: 'You have a code from another device or app? Enter it here.',
  carryField: 'Code',
  carryGo: 'Continue here',
  carryBad: 'This code is not known, was used, or is older than ten minutes. Ask for a new one.',
  carryMany: 'Too many codes in a short time. Try again later.',
  carryFailed: 'That did not work. Try again.',
};
