/** The public interface of Askfirst in a page. */

/** What `askfirst.state()` and the events `ready`, `shown` and `change` give. */
export interface AskfirstState {
  /** Whether the visitor has decided about anything that still holds. */
  readonly decided: boolean;
  /** Ids of the categories agreed to. */
  readonly granted: readonly string[];
  /** Ids of the categories refused. */
  readonly refused: readonly string[];
  /** Ids of the categories still to be asked. */
  readonly asked: readonly string[];
  /** When the choice was made (RFC 3339); a refusal keeps the day only. */
  readonly at: string | null;
  /** The `version` of the configuration. */
  readonly version: string;
  /** Language of the notice. */
  readonly lang: string;
  /** Whether the browser sends Global Privacy Control and the configuration honours it. */
  readonly gpc: boolean;
  /** Whether it sends Do Not Track and the configuration honours that. */
  readonly dnt: boolean;
  /** Id of the consent record; refusals have none. */
  readonly recordId: string | null;
  /** Whether the server has confirmed the record. */
  readonly recorded: boolean;
  /** How many submissions wait for the server. */
  readonly pending: number;
  /** How many were given up, if any were: refused by the server for good, or dropped for lack of room. */
  readonly undelivered?: number;
  /** Ids of the categories agreed to that stay shut until their record is kept as `records.require_ack` asks, if there are any. */
  readonly waiting?: readonly string[];
}

/** The server's answer to a record. */
export interface AskfirstReceipt {
  readonly record_id: string;
  readonly received_at: string;
  readonly [field: string]: unknown;
}

/** What a withdrawal could not delete: `server` only a server can, `foreign` only the other site, `later` is in use and tried again. */
export interface AskfirstLeft {
  readonly kind: 'cookie' | 'localStorage' | 'sessionStorage' | 'indexedDB' | 'cacheStorage' | 'serviceWorker';
  readonly name: string;
  readonly why: 'server' | 'foreign' | 'later';
}

/** The detail of each event. */
export interface AskfirstEvents {
  /** The engine has started. */
  ready: AskfirstState;
  /** The first layer is shown. */
  shown: AskfirstState;
  /** The visitor has decided. */
  change: AskfirstState;
  /** Something was withdrawn: categories, and services as `category:service`; `left` names declared cookies and storage that could not be deleted. */
  withdraw: { readonly withdrawn: readonly string[]; readonly left: readonly AskfirstLeft[]; readonly state: AskfirstState };
  /** The server has confirmed a record. */
  recorded: AskfirstReceipt;
  /** Something is wrong: a gated tag, a configuration, a refused record. */
  error: { readonly code: string; readonly message?: string; readonly [field: string]: unknown };
  /** Something happened that the choice does not allow. */
  leak: { readonly [field: string]: unknown };
}

/** `window.askfirst` once the engine has started. */
export interface Askfirst {
  /** Version of the software. */
  readonly version: string;
  /** Resolves with the state when the engine has started. */
  readonly ready: Promise<AskfirstState>;
  /** Whether a category is open; where there is no category of that name, whether a service is. */
  has(id: string): boolean;
  /** The state at this moment. */
  state(): AskfirstState;
  /** Listens; a late listener is called at once with the last detail. */
  on<E extends keyof AskfirstEvents>(event: E, listener: (detail: AskfirstEvents[E]) => void): void;
  /** Stops listening. */
  off<E extends keyof AskfirstEvents>(event: E, listener: (detail: AskfirstEvents[E]) => void): void;
  /** Brings the banner forward while something is to be asked, otherwise opens the preferences. */
  open(): void;
  /** Opens the preferences. */
  preferences(): void;
  /** Grants every category. The record says that a script did. */
  accept(): void;
  /** Refuses every category. */
  reject(): void;
  /**
   * Decides about these categories; the others stay as they are. A service goes with its category unless it is named in
   * `services`: `save({ marketing: false }, { youtube: true })`, or `save({}, { youtube: true })` for that one alone.
   */
  save(answers: Record<string, boolean>, services?: Record<string, boolean>): void;
  /** Withdraws everything. */
  withdraw(): void;
  /** What the visitor can keep: the state, the record, the secret that opens it, the server's receipt. */
  receipt(): unknown;
  /** Gates a shadow root, open or closed, from now on. Call it each time the component is connected. */
  scan(root: ShadowRoot): void;
  /** Takes calls as lists, before the engine has started too: `askfirst.push(['on', 'change', fn])`. */
  push(...calls: unknown[][]): void;
}

declare global {
  interface Window {
    /** Before the engine has started, a queue with `push`. */
    askfirst: Askfirst;
  }
  interface WindowEventMap {
    'askfirst:ready': CustomEvent<AskfirstEvents['ready']>;
    'askfirst:shown': CustomEvent<AskfirstEvents['shown']>;
    'askfirst:change': CustomEvent<AskfirstEvents['change']>;
    'askfirst:withdraw': CustomEvent<AskfirstEvents['withdraw']>;
    'askfirst:recorded': CustomEvent<AskfirstEvents['recorded']>;
    'askfirst:error': CustomEvent<AskfirstEvents['error']>;
    'askfirst:leak': CustomEvent<AskfirstEvents['leak']>;
  }
}
