// Tocsin's service worker, for importScripts. The server puts one line in front of it:
// self.TOCSIN={app,api,key,site,title,icon}
(() => {
  const { app, api, key, site, icon, title: name } = self.TOCSIN ?? {};
  const title = name || "New notification";
  const topic = `tocsin:${app}`;

  // http and https only: a payload must not be able to run a script or to open a file.
  function safe(address, base) {
    try {
      const url = new URL(address, base);
      return /^https?:$/.test(url.protocol) ? url.href : undefined;
    } catch {
      return undefined;
    }
  }

  const home = safe(site) ?? `${location.origin}/`;

  // null is "not given", and an object is not a text.
  const words = (value) => (/string|number/.test(typeof value) ? String(value) : undefined);

  // Tocsin's payload, another service's JSON, or plain text.
  function parse(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return { body: text };
    }
    const notification = message?.notification ?? message;
    if (Object(notification) !== notification || Array.isArray(notification)) return { body: text };
    const { body, message: alternative, navigate, url, click_action: action, data } = notification;
    return {
      ...notification,
      body: body ?? alternative,
      navigate: navigate ?? url ?? action ?? data?.url ?? message.data?.url,
    };
  }

  // What the page keeps too: answers with all that was known, and changes it. Rejects when storage fails or hangs (iOS).
  const recall = (change) =>
    new Promise((resolve, reject) => {
      setTimeout(reject, 500);
      const open = indexedDB.open("tocsin", 1);
      open.onupgradeneeded = () => open.result.createObjectStore("kv");
      open.onerror = reject;
      open.onsuccess = () => {
        const database = open.result;
        const transaction = database.transaction("kv", "readwrite");
        const kv = transaction.objectStore("kv");
        const read = kv.get(app);
        read.onsuccess = () => {
          const known = read.result ?? {};
          resolve(known);
          kv.put({ ...known, ...change(known) }, app);
        };
        transaction.oncomplete = () => database.close();
        transaction.onabort = () => reject(database.close());
      };
    });

  // Browsers that have no such channel have no tab that listens.
  const channel = self.BroadcastChannel && new BroadcastChannel(topic);
  const tellPages = (type, detail) => channel?.postMessage([type, detail]);

  // The whole of a message that was too long to be pushed; the server gives it out once. Rejects when there is none.
  async function whole(id, token, server) {
    if (!server) throw server;
    const response = await fetch(`${server}/sdk/v1/${app}/message`, {
      method: "POST",
      body: JSON.stringify({ id, token }),
      credentials: "omit",
      // Browsers allow a push ten seconds or more; nobody should wait that long.
      signal: AbortSignal.timeout(3000),
    });
    const { data, ...message } = parse(await response.text());
    // An error has no data, and neither has a network's log-in page.
    if (data.id !== id) throw data;
    return { ...message, d: data.d };
  }

  // What the desktop shows of a message that came before. Rejects when that is nothing.
  async function shown(id) {
    const all = await self.registration.getNotifications();
    const { title, body, data } = all.find((each) => each.data?.id === id);
    return { title, body, navigate: data.tocsin, d: data.d };
  }

  async function read(text) {
    if (!text) return {};
    const notification = parse(text);
    const { id: given, u: meant, d, f: token, k, c } = Object(notification.data);
    const id = words(given);
    const message = { ...notification, id, d, k: words(k), c };
    if (!id && !meant) return message;
    const remember = ({ seen = [] }) => (id ? { seen: [...seen.filter((each) => each !== id), id].slice(-100) } : {});
    const { seen = [], who, api: origin } = await recall(remember).catch(() => ({}));
    const repeated = seen.includes(id);
    // A browser can be shared: what is for one person is shown to no other, and to nobody where nobody is known.
    if (meant && who !== meant) return { id, repeated, withheld: true };
    const fetched = await (token && whole(id, token, api || origin).catch(() => shown(id)))?.catch(() => {});
    // While it was on its way, somebody else may have taken the browser over.
    if (meant && fetched && (await recall(() => ({})).catch(() => ({}))).who !== meant) return { id, repeated, withheld: true };
    return { ...message, ...fetched, id, repeated };
  }

  const show = (message) =>
    self.registration.showNotification(words(message.title) || title, {
      body: words(message.body),
      icon: words(message.icon) ?? words(icon),
      badge: words(message.badge),
      image: words(message.image),
      lang: words(message.lang),
      // A repeat takes the first one's place without a sound.
      tag: words(message.tag) ?? message.id,
      silent: !!message.repeated,
      data: { id: message.id, d: message.d, k: message.k, c: message.c, tocsin: safe(words(message.navigate) ?? home, home) ?? home },
    });

  // Browsers punish a push that shows nothing: every path ends in a notification.
  async function receive(event) {
    let message;
    try {
      message = await read(event.data?.text());
      await show(message);
    } catch {
      return self.registration.showNotification(title, { data: { tocsin: home } });
    }
    const { id = null, title: shown, body, d: data, repeated, withheld } = message;
    if (repeated || withheld) return;
    tellPages("notification", { id, title: words(shown) || title, body: words(body), data });
    await report("displayed", message);
  }

  async function visit({ id = null, d: data, tocsin: url }, action) {
    // iOS opens the site's start page whatever it is asked for; the page there looks here.
    const stored = recall(() => ({ go: { url, t: Date.now() } })).catch(() => {});
    const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const tab = tabs.find((each) => each.url === url);
    await (tab ? tab.focus() : self.clients.openWindow(url));
    tellPages("click", { id, action: action || null, url, data });
    await stored;
  }

  // Reports that the server has not had: here where storage fails, and stored, for a worker may be ended at any moment.
  let waiting = [];
  const sending = new Set();
  const told = new Set();
  const named = ({ e, k }) => e + k;
  const untold = (stored = []) =>
    [...new Map([...stored, ...waiting].map((each) => [named(each), each])).values()]
      .filter((each) => !told.has(named(each)) && each.t > Date.now() / 1000 - 259_200)
      .slice(-200);

  // Rejects when the server cannot be told.
  async function flush() {
    waiting = untold();
    let stored;
    const known = await recall(({ outbox }) => ({ outbox: (stored = untold(outbox)) })).catch(() => ({}));
    const batch = untold(stored)
      .filter((each) => !sending.has(named(each)))
      .slice(0, 50);
    if (!batch.length) return;
    const names = batch.map(named);
    names.forEach(sending.add, sending);
    try {
      const { status } = await fetch(`${api || known.api}/sdk/v1/${app}/events`, {
        method: "POST",
        body: JSON.stringify(batch),
        credentials: "omit",
        keepalive: true,
        signal: AbortSignal.timeout(4000),
      });
      // What is refused for good would only stand in the way of the rest.
      if (status === 429 || status >= 500) throw status;
      names.forEach(told.add, told);
    } finally {
      names.forEach(sending.delete, sending);
    }
    return flush();
  }

  // Safari minds a worker that takes long; what is on its way by then may arrive all the same.
  const patience = /Chrom|Firefox/.test(navigator.userAgent) ? 5000 : 1000;
  const flushed = () =>
    Promise.race([
      flush().catch(() => self.registration.sync?.register(topic)),
      new Promise((resolve) => setTimeout(resolve, patience)),
    ]).catch(() => {});

  // c: of clicks alone anybody wants to know.
  async function report(e, { id, k, c }) {
    const ours = [id, k].every((each) => /^[\w-]{24}$/.test(each));
    if (!ours || (c && e !== "clicked")) return;
    waiting.push({ e, id, k, t: Math.floor(Date.now() / 1000) });
    await flushed();
  }

  // Firefox closes those that were clicked, too, and those that gave their place to another one.
  async function dismiss({ data, tag }) {
    const successors = await self.registration.getNotifications({ tag });
    if (!successors.length) await report("dismissed", data);
  }

  // The browser dropped or replaced the subscription, perhaps while no page is open. Firefox does not say which one.
  async function renew({ oldSubscription, newSubscription }) {
    const known = await recall(() => ({})).catch(() => null);
    // Who is not subscribed, or has ended it, stays so, also while the server has not heard of it.
    if (known && (!known.id || known.todo?.[0] === "unsubscribe")) return;
    const manager = self.registration.pushManager;
    const found = newSubscription ?? (await manager.getSubscription());
    const subscription = found ?? (await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
    const { endpoint } = subscription;
    const report = {
      subscription,
      key: found ? known?.key : key,
      previous: oldSubscription?.endpoint ?? known?.ep,
      ...known?.about,
      renew: true,
    };
    if (endpoint === known?.ep) return;
    const response = await fetch(`${api || known?.api}/sdk/v1/${app}/subscriptions`, {
      method: "POST",
      body: JSON.stringify(report),
      credentials: "omit",
      signal: AbortSignal.timeout(10_000),
    });
    const answer = await response.json();
    if (response.ok) {
      const { id } = answer;
      await recall(({ todo }) => ({
        id,
        // Not the one who is leaving, or who may be.
        who: known && !todo ? answer.who : undefined,
        todo: todo && [todo[0], { ...todo[1], id }],
        ep: endpoint,
        key: report.key,
      }));
    } else if (answer.error?.code === "gone") {
      // The server ended it: nothing here may begin it anew.
      await subscription.unsubscribe();
      await recall(() => ({ id: undefined, who: undefined, ep: undefined, todo: undefined }));
    } else throw answer;
  }

  async function replace(event) {
    const work = () => renew(event);
    // The next page that is loaded reports what could not be reported now.
    await (navigator.locks?.request(topic, work) ?? work()).catch(() => recall(() => ({ due: 0 })));
    tellPages("");
  }

  self.addEventListener("push", (event) => event.waitUntil(receive(event)));

  self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(replace(event)));

  self.addEventListener("notificationclick", (event) => {
    const { data } = event.notification;
    // The site's own worker may show notifications too.
    if (!data?.tocsin) return;
    event.notification.close();
    told.add("dismissed" + data.k);
    event.waitUntil(visit(data, event.action));
    event.waitUntil(report("clicked", data));
  });

  self.addEventListener("notificationclose", (event) => {
    if (event.notification.data?.tocsin) event.waitUntil(dismiss(event.notification));
  });

  // Reports that could not be made then are made now: by a new version, once the network is back, when a page is loaded.
  self.addEventListener("activate", (event) => event.waitUntil(flushed()));

  self.addEventListener("sync", (event) => event.tag === topic && event.waitUntil(flush()));

  self.addEventListener("message", (event) => event.data === topic && event.waitUntil(flushed()));
})();
