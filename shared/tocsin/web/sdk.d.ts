/**
 * Tocsin's browser SDK.
 *
 *     <script type="module" src="https://push.example.com/sdk.js?app=app_8f2k"></script>
 *
 * Settings stand in the module's own address:
 *
 * - `app`      publishable id of the app (needed)
 * - `api`      origin of the server, for a copied file; otherwise the origin the module came from
 * - `sw`       path of the service worker on your origin; otherwise as the app is configured
 * - `scope`    scope of that worker; otherwise as the app is configured
 * - `join`     no worker of its own: use the one that your site has registered at `/`
 * - `timeout`  milliseconds, for each of the waits below instead of its own number
 *
 * Waits: 20 s for the browser's push service, 10 s for the worker, 10 s for each answer of the server, which is asked
 * up to three times more after a failure of the network, a 429 or a 5xx.
 *
 * At each load, for whoever is subscribed, it asks for the app's settings (one request, cacheable for five minutes) and
 * mends what has changed: a new key of the app, a subscription that the browser lost or replaced, a permission taken
 * back. It reports that, and once a week that the browser is still there. It never begins anew for somebody who
 * unsubscribed, or whose subscription the server ended.
 *
 * The worker reports which messages were displayed, clicked and dismissed, where the app wants to know. What it could not
 * report, up to 200 of three days, it tries again with the next one, at each load, and as soon as the network is back in
 * browsers that tell it so.
 *
 * With a strict Content-Security-Policy, name the server in `script-src` and `connect-src`; where `trusted-types` is
 * limited to a list, it needs the policy name `tocsin`. Where the worker's file comes with such a policy too:
 *
 *     const url = "https://push.example.com/sw.js?app=app_8f2k";
 *     const trusted = self.trustedTypes?.createPolicy("tocsin", { createScriptURL: (text) => text });
 *     importScripts(trusted?.createScriptURL(url) ?? url);
 */

/** `needs-install`: iOS and iPadOS, where the site must be on the Home Screen first. */
export type Support = "supported" | "unsupported" | "insecure" | "needs-install";

export interface State {
  readonly support: Support;
  readonly permission: NotificationPermission;
  /** This browser can be reached. */
  readonly subscribed: boolean;
  /** Id of the subscription; null when not subscribed. */
  readonly id: string | null;
  /** The person last given to `identify`. */
  readonly externalId: string | null;
}

export type ErrorCode =
  /** No push messages in this browser, or not before the site is on the Home Screen. */
  | "unsupported"
  /** Neither https nor localhost. */
  | "insecure"
  /** Notifications are blocked for this site; only the person can allow them, in the browser's settings. */
  | "denied"
  /** The permission question was closed without an answer. */
  | "dismissed"
  /** The worker's file: 404, wrong MIME type, redirect, error in it; with `join`, no worker at `/`. */
  | "worker_missing"
  | "worker_timeout"
  /** The browser's push service never answered: blocked by the network, or switched off in the browser. */
  | "push_service_timeout"
  /** The browser's push service failed or cannot be reached. */
  | "push_service_error"
  | "origin_not_allowed"
  | "identity_required"
  | "identity_invalid"
  | "rate_limited"
  | "app_disabled"
  /** The server answered with another error; `message` has its words, `cause` its answer. */
  | "server_error"
  /** The server cannot be reached, or what answers is not the server. */
  | "network";

export class PushError extends Error {
  readonly name: "PushError";
  readonly code: ErrorCode;
  /** Of the server's answer, where there was one. */
  readonly status?: number;
}

/** Made by your server: `mac` shows that it knows this person; it holds until `exp` (seconds since 1970). */
export interface Proof {
  readonly exp: number;
  readonly mac: string;
}

export interface SubscribeOptions {
  email?: string;
  /** Proves `email`. */
  proof?: Proof;
  tags?: string[];
}

export interface PromptOptions extends SubscribeOptions {
  /** Milliseconds until it is shown; 0 if absent. */
  delay?: number;
  /** The question; otherwise an English one with the site's host. */
  text?: string;
  /** The buttons' words, "Yes" and "Not now". */
  accept?: string;
  decline?: string;
  /** For how long nobody is asked again who declined; 30 if absent. */
  days?: number;
}

export interface LogoutOptions {
  /** End the subscription as well. */
  unsubscribe?: boolean;
}

export interface Events {
  change: State;
  permission: NotificationPermission;
  subscribe: State;
  /** This browser can no longer be reached, whoever ended it: this page, another tab, the server or the person. */
  unsubscribe: null;
  /** A notification was shown while a page is open; nothing that is kept from this person, and no repeats. */
  notification: { id: string | null; title: string; body?: string; data?: unknown };
  /** One was clicked; pages that are open hear of it, the one that the click opens does not. */
  click: { id: string | null; action: string | null; url: string; data?: unknown };
  /** Every failure of a call, and the half of `unsubscribe` that failed while the other did its work. */
  error: PushError;
}

/** The state after the page has loaded, before anything is mended. Never rejects, never asks for permission. */
export const ready: Promise<State>;

export function getState(): State;

/** Returns a function that removes the listener. */
export function on<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void): () => void;

/**
 * Call it from a click: asks for permission if needed, then makes this browser reachable. Calling it again reports the
 * options again; there is one subscription however many tabs ask.
 *
 * Rejects with a PushError.
 */
export function subscribe(options?: SubscribeOptions): Promise<State>;

/**
 * Asks in the page, in a small dialog with the id `tocsin-prompt`, whether to subscribe, and subscribes on a yes. The
 * browser's own question can be asked only once; whoever says no to this one is asked again after some days.
 *
 * Resolves with the state once it is answered; at once, showing nothing, where there is nothing to ask: for whoever is
 * subscribed, has blocked notifications or declined lately, or has no push messages. Rejects as `subscribe` does.
 */
export function prompt(options?: PromptOptions): Promise<State>;

/**
 * Replaces the tags by which your server reaches this browser: up to 100, of 1 to 64 characters each. Without a
 * subscription they wait for the next `subscribe`, and for the next load where the server could not be told. They leave
 * with the person.
 */
export function setTags(tags: string[]): Promise<State>;

/**
 * Ends the messages. Rejects only when neither the browser nor the server could be told. Each load tries again until the
 * server knows; until then nothing is mended or reported.
 */
export function unsubscribe(): Promise<State>;

/**
 * Says who uses this browser; a subscription of somebody else passes to them. Without a subscription it is remembered for
 * the next `subscribe`; for the person already known no request is sent, and a fresh proof is kept. Where it fails, the
 * person before is not brought back: the subscription is nobody's.
 *
 * `proof`: a Proof of `externalId`, or a user token (a JWT) that names it.
 */
export function identify(externalId: string, proof?: Proof | string): Promise<State>;

/**
 * Takes the person off this browser. The subscription stays, as nobody's, unless `unsubscribe` ends it too; from this
 * moment on the worker shows nothing that is meant for one person.
 *
 * Resolves when the server knows it, or, with `unsubscribe`, when the browser or the server has ended it. Otherwise it
 * rejects, and at each load the server is told before anything else, until it knows.
 */
export function logout(options?: LogoutOptions): Promise<State>;
