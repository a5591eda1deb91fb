// Tocsin's browser SDK: one ES module. The contract is sdk.d.ts.

const here = new URL(import.meta.url);
const settings = Object.fromEntries(here.searchParams);
const { app, api = here.origin } = settings;
const topic = `tocsin:${app}`;
const limit = (ms) => +settings.timeout || ms;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const MESSAGES = {
  unsupported: "No push messages here (iPhone, iPad: add the site to the Home Screen first)",
  insecure: "Push messages need https or localhost",
  denied: "Notifications are blocked in the site's settings",
  dismissed: "The permission question was closed: ask on another click",
  worker_missing: "The service worker must exist, be JavaScript and not redirect",
  worker_timeout: "The service worker did not start",
  push_service_timeout: "The browser's push service did not answer",
  push_service_error: "The browser's push service failed",
  network: "The Tocsin server did not answer",
};
const REFUSALS = ["origin_not_allowed", "identity_required", "identity_invalid", "rate_limited", "app_disabled"];

export class PushError extends Error {
  name = "PushError";
  constructor(code, cause, message = MESSAGES[code], status) {
    super(message, { cause });
    this.code = code;
    this.status = status;
  }
}

const within = (ms, code, promise) =>
  Promise.race([promise, sleep(ms).then(() => Promise.reject(new PushError(code)))]);

// Kept in IndexedDB, which the worker writes too, or in memory once that failed or hung (iOS).

const GONE = { id: undefined, ep: undefined, who: undefined };
let kept = {};
let broken = false;
let database;

const open = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open("tocsin", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("kv");
    request.onerror = reject;
    request.onsuccess = () => {
      request.result.onversionchange = () => {
        request.result.close();
        database = null;
      };
      resolve(request.result);
    };
  });

async function transact(values) {
  const transaction = (await (database ??= open())).transaction("kv", values ? "readwrite" : "readonly");
  const kv = transaction.objectStore("kv");
  const read = kv.get(app);
  read.onsuccess = () => {
    kept = { ...read.result, ...values };
    if (values) kv.put(kept, app);
  };
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = reject;
  });
}

// All that is known, once `values` of it are set.
async function keep(values) {
  kept = { ...kept, ...values };
  if (!broken) await within(1000, "", transact(values)).catch(() => (broken = true));
  return kept;
}

// fetch sends a string as text/plain: no preflight.
async function call(path, body, attempts = 4) {
  for (let attempt = 1; ; attempt++) {
    let failure;
    let pause = 125 * 4 ** attempt * (0.5 + Math.random());
    try {
      const response = await fetch(`${api}/sdk/v1/${app}/${path}`, {
        method: body ? "POST" : "GET",
        body: body && JSON.stringify(body),
        credentials: "omit",
        keepalive: !!body,
        signal: AbortSignal.timeout(limit(10_000)),
      });
      const answer = await response.json();
      if (response.ok) return answer;
      const { code, message } = answer.error ?? {};
      failure = new PushError(REFUSALS.includes(code) ? code : "server_error", answer, message, response.status);
      pause = Math.max(pause, 1000 * response.headers.get("Retry-After") || 0);
    } catch (cause) {
      failure = new PushError("network", cause);
    }
    const lasting = failure.status < 500 && failure.status !== 429;
    if (attempt >= attempts || pause > 30_000 || lasting) throw failure;
    await sleep(pause);
  }
}

const support = !isSecureContext
  ? "insecure"
  : navigator.serviceWorker && self.PushManager && self.Notification
    ? "supported"
    : navigator.standalone === false
      ? "needs-install"
      : "unsupported";

const snapshot = (known, externalId = null) => {
  const permission = self.Notification?.permission ?? "default";
  const id = (permission === "granted" && known) || null;
  return Object.freeze({ support, permission, subscribed: !!id, id, externalId });
};
let state = snapshot();
const listeners = new EventTarget();
const emit = (type, detail) => listeners.dispatchEvent(new CustomEvent(type, { detail }));
const channel = self.BroadcastChannel && new BroadcastChannel(topic);

async function current() {
  const { id, scope } = await keep();
  const registration = id && (await navigator.serviceWorker.getRegistration(scope));
  // A worker of a wider scope is somebody else's.
  return registration?.scope === new URL(scope, location).href ? registration.pushManager.getSubscription() : null;
}

async function refresh() {
  const found = await within(limit(10_000), "", current()).catch(() => null);
  const { id, person } = await keep();
  const before = state;
  state = snapshot(found && id, person?.externalId);
  if (JSON.stringify(before) !== JSON.stringify(state)) emit("change", state);
  if (before.permission !== state.permission) emit("permission", state.permission);
  if (before.id && !state.id) emit("unsubscribe");
}

export const getState = () => state;

export function on(type, listener) {
  const handler = (event) => listener(event.detail);
  listeners.addEventListener(type, handler);
  return () => listeners.removeEventListener(type, handler);
}

// One change at a time: over all tabs and the worker, or in this page where there are no locks.

let queue;
const alone = (work) => navigator.locks?.request(topic, work) ?? (queue = Promise.resolve(queue).then(work, work));

const change = (work, quiet) =>
  alone(async () => {
    try {
      await work();
    } catch (error) {
      if (!quiet) emit("error", error);
      throw error;
    } finally {
      await refresh();
      channel?.postMessage(["", kept]);
    }
    return state;
  });

let policy;

function register(script, scope) {
  // register() is a Trusted Types sink.
  policy ??= self.trustedTypes?.createPolicy("tocsin", { createScriptURL: (url) => url });
  return navigator.serviceWorker.register(policy?.createScriptURL(script) ?? script, { scope, updateViaCache: "none" });
}

async function worker(script, scope) {
  try {
    const registration = await within(
      limit(10_000),
      "worker_timeout",
      "join" in settings ? navigator.serviceWorker.getRegistration(scope) : register(script, scope),
    );
    for (const end = Date.now() + limit(10_000); !registration.active; await sleep(20)) {
      if (Date.now() > end) throw new PushError("worker_timeout");
    }
    return registration.pushManager;
  } catch (cause) {
    throw cause.code === "worker_timeout" ? cause : new PushError("worker_missing", cause);
  }
}

async function enrol(manager, applicationServerKey) {
  const ask = () => manager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const renew = async (error) => {
    if (error.name !== "InvalidStateError") throw error;
    // Subscribed with an older key.
    await (await manager.getSubscription()).unsubscribe();
    return ask();
  };
  try {
    return await within(limit(20_000), "push_service_timeout", ask().catch(renew));
  } catch (cause) {
    if (cause instanceof PushError) throw cause;
    throw new PushError(cause.name === "NotAllowedError" ? "denied" : "push_service_error", cause);
  }
}

const leave = () =>
  within(
    limit(20_000),
    "push_service_timeout",
    current().then((subscription) => subscription?.unsubscribe()),
  );

// gone: the server ended this subscription, and nothing here may begin it anew. Any other 404 is a mistake.
const tell = (...request) =>
  call(...request).catch(async (error) => {
    if (error.cause.error?.code === "gone") {
      await leave().catch(() => {});
      await keep({ ...GONE, todo: undefined });
    }
    throw error;
  });

// What the server has to be told before anything else; it stays until the server knows. An unsubscription has a second
// half, the browser's: answers with its failure.
async function settle(attempts) {
  const { todo } = await keep();
  if (!todo) return;
  const ending = todo[0] === "unsubscribe";
  const [told, left] = await Promise.allSettled([tell(...todo, attempts), ending && leave()]);
  if (ending && !(told.reason && left.reason)) await keep(GONE);
  if (!told.reason) await keep({ todo: undefined });
  if (kept.todo) throw told.reason;
  return left.reason;
}

const speech = () => document.documentElement.lang || navigator.language;

async function report(subscription, key, more, attempts) {
  const { ep } = await keep();
  const { endpoint } = subscription;
  const about = {
    lang: speech(),
    tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
    standalone: matchMedia("(display-mode: standalone)").matches,
  };
  const body = { subscription, key, previous: ep === endpoint ? undefined : ep, ...about, ...more };
  const { id, who } = await tell("subscriptions", body, attempts);
  // Due again in a week, give or take a fifth: spread over time.
  await keep({ api, id, who, ep: endpoint, key, about, due: Date.now() + 6048e5 * (0.8 + 0.4 * Math.random()) });
}

// reason: why nobody was asked.
async function end(reason) {
  const { id } = await keep();
  if (id) await keep({ todo: ["unsubscribe", { id, reason }] });
  // Either half ends the messages: only losing both is a failure.
  const half = await settle(reason && 1).catch((error) => (kept.id ? Promise.reject(error) : error));
  if (half && !reason) emit("error", half);
}

async function attach(id, person) {
  const { who } = await tell("identify", { id, identity: person });
  await keep({ person, who, todo: undefined });
}

// Nobody is known from now on, and until the server knows it too, nothing it says brings anybody back.
async function forget() {
  const { id, todo } = await keep();
  const leaving = todo ?? (id && ["identify", { id, identity: null }]);
  await keep({ person: undefined, who: undefined, tags: undefined, todo: leaving });
}

// Tags wait until the server has them.
async function label(attempts) {
  const { id, tags } = await keep();
  if (!id || !tags) return;
  await tell("tags", { id, tags }, attempts);
  await keep({ tags: undefined });
}

export async function subscribe({ email, proof, tags } = {}) {
  // Nothing is awaited before the question: it is asked only while the click counts.
  const permission = support === "supported" && (await Notification.requestPermission());
  await change(async () => {
    if (!permission) throw new PushError(support === "insecure" ? support : "unsupported");
    if (permission !== "granted") throw new PushError(permission === "denied" ? permission : "dismissed");
    await settle();
    const config = await call("config");
    const scope = "join" in settings ? "/" : (settings.scope ?? config.scope);
    const manager = await worker(settings.sw ?? config.worker, scope);
    const subscription = await enrol(manager, config.key);
    const { person, tags: waiting } = await keep({ scope });
    const identity = proof ? { email, proof } : person;
    await report(subscription, config.key, { email, identity, tags: tags ?? waiting });
    await keep({ tags: undefined });
    if (proof && person) await attach(kept.id, person);
  });
  emit("subscribe", state);
  return state;
}

export const unsubscribe = () => change(() => end());

export const identify = (externalId, proof) =>
  change(async () => {
    const { id, person, who, todo } = await keep();
    const next = { externalId, proof };
    if (!id || (who && person?.externalId === externalId)) return keep({ person: next });
    // Between two people, what is personal is shown to neither; whoever is refused leaves it nobody's.
    if (who || person) await forget();
    if (todo) await settle();
    await (kept.id ? attach(id, next) : keep({ person: next }));
  });

export const logout = (options) =>
  change(async () => {
    await forget();
    await (options?.unsubscribe ? end() : settle());
  });

export const setTags = (tags) =>
  change(async () => {
    await keep({ tags });
    await settle();
    await label();
  });

// The browser's own question can be asked only once: whoever says no to this one can be asked again.
export async function prompt({ delay = 0, text, accept = "Yes", decline = "Not now", days = 30, ...options } = {}) {
  await ready;
  await sleep(delay);
  const { no = 0 } = await keep();
  const asked = support !== "supported" || state.id || state.permission === "denied" || Date.now() < no;
  if (asked || document.getElementById("tocsin-prompt")) return state;
  const dialog = document.createElement("dialog");
  dialog.id = "tocsin-prompt";
  dialog.append(text ?? `Get notifications from ${location.hostname}?`);
  // Shown so, it takes the focus from nobody. A site's own style wins by !important.
  Object.assign(dialog.style, { position: "fixed", inset: "auto 1rem 1rem auto", margin: 0, zIndex: 2147483647 });
  dialog.open = true;
  return new Promise((resolve) => {
    const button = (words, act) => {
      const element = document.createElement("button");
      element.textContent = words;
      element.onclick = () => {
        dialog.remove();
        resolve(act());
      };
      dialog.append(" ", element);
    };
    button(accept, () => subscribe(options));
    button(decline, () => keep({ no: Date.now() + days * 864e5 }).then(() => state));
    document.body.append(dialog);
  });
}

// At each load, for whoever is subscribed: what has changed is mended and reported; a failure waits for the next one.

async function heal() {
  await settle(1);
  const { id, ep, key, about, due, scope } = await keep();
  if (!id) return;
  if (Notification.permission !== "granted") return end("permission");
  const config = await call("config", undefined, 1);
  const manager = await worker(settings.sw ?? config.worker, scope);
  // With the same key it answers with what there is; with another one, or where there is nothing, it begins anew.
  const subscription = await enrol(manager, config.key);
  const same = ep === subscription.endpoint && key === config.key && about.lang === speech() && Date.now() < due;
  if (!same) await report(subscription, config.key, { renew: true }, 1);
  await label(1);
}

async function start() {
  await refresh();
  const { go, outbox, scope } = kept;
  if (outbox?.[0]) {
    // What the worker could not report it tries again.
    navigator.serviceWorker.getRegistration(scope).then((registration) => registration?.active?.postMessage(topic));
  }
  if (go && navigator.standalone) {
    // iOS opens the start page, whatever a click asked for.
    await keep({ go: undefined });
    const near = go.url.startsWith(`${location.origin}/`) && go.url !== location.href;
    if (near && Date.now() - go.t < 15_000) location.replace(go.url);
  }
  if (kept.id || kept.todo) change(heal, true).catch(() => {});
  return state;
}

// After the page has loaded; no request for those who never subscribed.
export const ready = (async () => {
  if (document.readyState !== "complete") await new Promise((resolve) => addEventListener("load", resolve));
  await new Promise((resolve) => (self.requestIdleCallback ?? setTimeout)(resolve));
  navigator.permissions?.query({ name: "notifications" }).then(
    (status) => (status.onchange = start),
    () => {},
  );
  if (channel)
    channel.onmessage = ({ data: [type, detail] }) => {
      if (type) return emit(type, detail);
      if (broken) kept = detail ?? kept;
      refresh();
    };
  return start();
})();
