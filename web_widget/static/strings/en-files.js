// The interface in English: files, reactions.
export default {
  attach: 'Attach a file',
  files: 'Files to be sent',
  drop: 'Drop files here to attach them',
  picture: 'Picture {name}',
  reacted: '{emoji} from {name}',
  tooLarge: 'larger than {max}. Send a smaller one.',
  emptyFile: 'is empty.',
  wrongType: 'this kind is not possible here. Possible are: {types}.',
  tooMany: 'no more than {n} files fit into one message.',
  uploadFailed: 'could not be uploaded.',
  takeOff: 'Remove {name}',
  again: 'Try {name} again',
  attached: '{name} is attached.',
  whenReady: 'Your message is sent when its files are ready.',
  pasteFile: 'Send this long text as a file',
};
