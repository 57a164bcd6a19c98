// The interface in English: menu and list of conversations, which are loaded when they are needed.
export default {
  closed: 'Closed',
  conversations: 'Your conversations',
  back: 'Back to the conversation',
  fresh: 'New conversation',
  transcript: 'Save conversation as a file',
  leave: 'Leave a message instead',
  end: 'End conversation',
  none: 'No conversations yet.',
  listFailed: 'The list could not be loaded.',
  remove: 'Delete conversation',
  removeAsk: 'Delete this conversation for good? Nobody can bring it back.',
  removeYes: 'Delete for good',
  removeNo: 'Keep',
  removed: 'The conversation is deleted.',
  removeFailed: 'It could not be deleted. Try again.',
};
