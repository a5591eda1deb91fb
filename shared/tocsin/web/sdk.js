// Tocsin's browser SDK: one ES module, served as it stands. The contract is sdk.d.ts.

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
  constructor(code, cause, message = MESSAGES[code]) {
    super(message, { cause });
    this.code = code;
  }
}

const within = (ms, code, promise) => {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new PushError(code)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

// Kept in IndexedDB, or in memory once that failed or hung (iOS).

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

async function store(mode, act) {
  if (broken) return;
  const run = async () => {
    const transaction = (await (database ??= open())).transaction("kv", mode);
    const request = act(transaction.objectStore("kv"));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = reject;
    });
    if (mode === "readonly") kept = request.result ?? {};
  };
  await within(1000, "", run()).catch(() => (broken = true));
}

const load = async () => {
  await store("readonly", (kv) => kv.get(app));
  return kept;
};
const save = (values) => {
  kept = { ...kept, ...values };
  return store("readwrite", (kv) => kv.put(kept, app));
};

// fetch sends a string as text/plain: no preflight.

async function call(path, body) {
  for (let attempt = 0; ; attempt++) {
    let failure;
    let pause = 500 * 4 ** attempt * (0.5 + Math.random());
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
      failure = new PushError(REFUSALS.includes(code) ? code : "server_error", answer, message);
      if (response.status < 500 && response.status !== 429) attempt = 3;
      pause = Math.max(pause, 1000 * response.headers.get("Retry-After") || 0);
    } catch (cause) {
      failure = new PushError("network", cause);
    }
    if (attempt > 2 || pause > 30_000) throw failure;
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
  const { id, scope } = await load();
  const registration = id && (await navigator.serviceWorker.getRegistration(scope));
  // A worker of a wider scope is somebody else's.
  return registration?.scope === new URL(scope, location).href ? registration.pushManager.getSubscription() : null;
}

async function refresh() {
  const found = await within(limit(10_000), "", current()).catch(() => null);
  const { id, person } = await load();
  const before = state;
  state = snapshot(found && id, person?.externalId);
  if (JSON.stringify(before) !== JSON.stringify(state)) emit("change", state);
  if (before.permission !== state.permission) emit("permission", state.permission);
  return state;
}

export const getState = () => state;

export function on(type, listener) {
  const handler = (event) => listener(event.detail);
  listeners.addEventListener(type, handler);
  return () => listeners.removeEventListener(type, handler);
}

// One change at a time, over all tabs.

async function change(work) {
  const run = async () => {
    try {
      await work();
    } catch (error) {
      emit("error", error);
      throw error;
    } finally {
      await refresh();
      channel?.postMessage(0);
    }
    return state;
  };
  // Without locks (old or insecure) there is no push either.
  return navigator.locks ? navigator.locks.request(topic, run) : run();
}

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

const attach = async (id, person) => save({ person, who: (await call("identify", { id, identity: person })).who });

export async function subscribe({ email, proof, tags } = {}) {
  // Nothing is awaited before the question: it is asked only while the click counts.
  const permission = support === "supported" && (await Notification.requestPermission());
  await change(async () => {
    if (!permission) throw new PushError(support === "insecure" ? support : "unsupported");
    if (permission !== "granted") throw new PushError(permission === "denied" ? permission : "dismissed");
    const config = await call("config");
    const scope = "join" in settings ? "/" : (settings.scope ?? config.scope);
    const manager = await worker(settings.sw ?? config.worker, scope);
    const subscription = await enrol(manager, config.key);
    const { ep, person } = await load();
    const { id, who } = await call("subscriptions", {
      subscription,
      previous: ep === subscription.endpoint ? undefined : ep,
      email,
      identity: proof ? { email, proof } : person,
      tags,
      lang: document.documentElement.lang || navigator.language,
      tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
      standalone: matchMedia("(display-mode: standalone)").matches,
    });
    await save({ id, who, scope, ep: subscription.endpoint });
    if (proof && person) await attach(id, person);
  });
  emit("subscribe", state);
  return state;
}

export async function unsubscribe() {
  await change(async () => {
    const { id } = await load();
    if (!id) return;
    const leave = current().then((subscription) => subscription?.unsubscribe());
    // Either half ends the messages: only losing both is a failure.
    const halves = await Promise.allSettled([
      within(limit(20_000), "push_service_timeout", leave),
      call("unsubscribe", { id }),
    ]);
    const [one, both] = halves.flatMap((half) => half.reason ?? []);
    if (both) throw both;
    if (one) emit("error", one);
    await save({ id: undefined, who: undefined, ep: undefined });
  });
  emit("unsubscribe");
  return state;
}

export const identify = (externalId, proof) =>
  change(async () => {
    const { id, person, who } = await load();
    const next = { externalId, proof };
    if (!id) await save({ person: next });
    else if (!who || person?.externalId !== externalId) await attach(id, next);
  });

// After the page has loaded; no request.

export const ready = (async () => {
  if (document.readyState !== "complete") await new Promise((resolve) => addEventListener("load", resolve));
  await new Promise((resolve) => (self.requestIdleCallback ?? setTimeout)(resolve));
  navigator.permissions?.query({ name: "notifications" }).then(
    (status) => (status.onchange = refresh),
    () => {},
  );
  if (channel) channel.onmessage = refresh;
  return refresh();
})();
