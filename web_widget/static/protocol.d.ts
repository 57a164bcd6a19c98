// Every frame of docs/protocol.md, named. For editors and for `tsc --checkJs`; browsers never load it.

export type State = 'ai' | 'waiting' | 'human' | 'resolved' | 'gone';
export type Author = 'customer' | 'ai' | 'agent' | 'system';

export interface Source {
  n: number;
  title: string;
  heading?: string;
  url?: string;
  /** ISO date. */
  updated?: string;
  passage?: string;
}

export interface Message {
  id: string;
  seq: number;
  rev: number;
  author: Author;
  name?: string;
  text: string;
  /** Unix seconds, or an ISO time. */
  at: number | string;
  cid?: string;
  turn?: string;
  type?: string;
  sources?: Source[];
  choices?: string[];
  files?: File[];
  reactions?: Reaction[];
  /** Of an agent: an https address. */
  picture?: string;
  edited?: number | string | boolean | null;
  deleted?: boolean;
}

export interface File {
  id: string;
  name: string;
  type?: string;
  /** Bytes. */
  size: number;
  width?: number;
  height?: number;
  /** A path on the server with a signature, valid for a day. */
  url?: string;
  /** Why it was not taken, in a sentence. */
  problem?: string;
}

export interface Reaction {
  emoji: string;
  author: Author;
  name?: string;
}

export interface Site {
  name?: string;
  title?: string;
  welcome?: string;
  starters?: string[];
  look?: { accent?: string; on_accent?: string; theme?: 'light' | 'dark' | 'auto'; side?: 'start' | 'end' };
  locale?: string;
  /** Somebody could answer today: `people` is `here` or `away`. */
  desk?: boolean;
  people?: 'here' | 'away' | 'closed' | 'none';
  /** Unix seconds. */
  opens?: number | null;
  /** IANA name: the time zone of the house. */
  zone?: string;
}

export interface Turn {
  id: string;
  attempt: number;
  text: string;
}

// Client to server -----------------------------------------------------------------------------------------------

export interface HelloFrame {
  t: 'hello';
  token?: string;
  conv?: string;
  cursor: number;
  epoch?: string | number;
  locale: string;
  page: { url: string; title: string };
  /** IANA name of the visitor's time zone. */
  zone?: string;
}
export interface SendFrame { t: 'send'; cid: string; conv?: string; text: string; files?: string[] }
export interface OpenFrame { t: 'open'; conv: string; cursor: number }
export interface PullFrame { t: 'pull'; conv: string; cursor: number }
export interface StopFrame { t: 'stop'; conv: string; turn: string }
export interface HandoffFrame { t: 'handoff'; cid: string; conv?: string }
export interface ContactFrame { t: 'contact'; cid: string; conv?: string; name: string; email: string; text?: string }
export interface ResolveFrame { t: 'resolve'; cid: string; conv?: string }
export interface CancelFrame { t: 'cancel'; cid: string; conv?: string }
export interface TicketFrame { t: 'ticket'; cid: string; conv?: string; name?: string; email?: string; text?: string }
export interface EditFrame { t: 'edit'; cid: string; conv?: string; id: string; text: string }
export interface DeleteFrame { t: 'delete'; cid: string; conv?: string; id: string }
export interface ReactFrame { t: 'react'; cid: string; conv?: string; id: string; emoji: string; gone?: boolean }
export interface MarkFrame { t: 'mark'; cid: string; conv?: string; id: string; mark: string; reason?: string; text?: string }
export interface RatingFrame { t: 'rating'; cid: string; conv?: string; rating: number; text?: string }
export interface TypingSignal { t: 'typing'; conv: string; on: boolean }
export interface PingFrame { t: 'ping'; n: number }

/** Frames that must arrive exactly once: they wait in the outbox and keep their cid on every attempt. */
export type Lasting = SendFrame | HandoffFrame | ContactFrame | ResolveFrame | RatingFrame | CancelFrame | TicketFrame
  | EditFrame | DeleteFrame | ReactFrame | MarkFrame;
export type ClientFrame = HelloFrame | Lasting | OpenFrame | PullFrame | StopFrame | TypingSignal | PingFrame;

// Server to client -----------------------------------------------------------------------------------------------

export interface WelcomeFrame {
  t: 'welcome';
  token?: string;
  epoch?: string | number;
  site: Site;
  conv?: string | null;
  limits?: { text: number; files?: { count: number; bytes: number; types: string[] } };
}
export interface MsgsFrame {
  t: 'msgs';
  conv: string;
  after: number;
  cursor: number;
  more?: boolean;
  state: State;
  msgs: Message[];
  turn?: Turn | null;
  /** While the customer may rate a closed conversation: 0 asks, else what they gave. */
  rating?: number;
}
export interface AckFrame { t: 'ack'; cid: string; conv: string; id?: string; seq?: number; rev?: number }
export interface TurnFrame {
  t: 'turn';
  conv: string;
  turn: string;
  attempt: number;
  phase: 'thinking' | 'writing' | 'checking' | 'done' | 'stopped' | 'failed';
}
export interface DeltaFrame { t: 'delta'; conv: string; turn: string; attempt: number; off: number; text: string }
/** How a conversation stands that waits for a person. Times are Unix seconds, lengths seconds. */
export interface QueueFrame {
  t: 'queue';
  conv: string;
  ticket: number;
  reason: string;
  position: number;
  waiting: number;
  since: number;
  expected: number | null;
  until: number | null;
  people: 'here' | 'away' | 'closed' | 'none';
  opens: number | null;
  zone: string;
  reply: number | null;
  form: boolean;
  name: string;
  email: string;
}
export interface TypingFrame { t: 'typing'; conv: string; name?: string; on: boolean }
export interface ErrorFrame {
  t: 'error';
  code: string;
  message: string;
  cid?: string;
  field?: string;
  /** Seconds. */
  retry_after?: number;
  final?: boolean;
}
export interface PongFrame { t: 'pong'; n: number }

export type ServerFrame =
  | WelcomeFrame | MsgsFrame | AckFrame | TurnFrame | DeltaFrame | QueueFrame | TypingFrame | ErrorFrame | PongFrame;

// Between the widget's own modules --------------------------------------------------------------------------------

/** One frame that waits in the outbox, stored under a key of its own so that two tabs never overwrite each other. */
export interface Unsent {
  frame: Lasting;
  /** The local name of a conversation that the server has not named yet. */
  thread: string;
  /** Uploaded before; shown with it. */
  files?: File[];
  /** Milliseconds; also the order of sending. */
  at: number;
  tries: number;
  /** Milliseconds: not before this time. */
  next: number;
  error?: string;
  code?: string;
  /** The server will never take it as it is. */
  final?: boolean;
}

/** The answer that is being written. */
export interface Draft {
  turn: string;
  attempt: number;
  text: string;
  stopped?: boolean;
  failed?: boolean;
}

/** What this page knows of one conversation. */
export interface Thread {
  messages: Map<string, Message>;
  cursor: number;
  state: State;
  draft: Draft | null;
  loaded: boolean;
  rating?: number;
  queue?: QueueFrame;
}

export interface Options {
  site?: string;
  locale?: string;
  theme?: string;
  side?: string;
  mode?: string;
  accent?: string;
  page?: { url: string; title: string };
  [name: string]: unknown;
}

export interface WidgetState {
  ready: boolean;
  open: boolean;
  unread: number;
  connection: string;
  conversationId: string | null;
}

/** What the loader hands to the panel. */
export interface App {
  /** Where the modules are. */
  base: string;
  /** Address of the server without a slash at its end. */
  api: string;
  options: Options;
  state: WidgetState;
  host: HTMLElement;
  shadow: ShadowRoot;
  root: HTMLElement;
  launcher: HTMLButtonElement;
  panel(name?: string, ...args: any[]): Promise<any>;
  words: string[];
  loaded?: boolean;
  emit(name: string, detail?: unknown): boolean;
  unread(count: number): void;
  dress(): void;
}
