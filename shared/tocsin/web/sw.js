// Tocsin's service worker, for importScripts. The server puts one line in front of it:
// self.TOCSIN={app,site,title,icon}
(() => {
  const settings = self.TOCSIN ?? {};
  const title = settings.title || "New notification";

  // http and https only: a payload must not be able to run a script or to open a file.
  function safe(address, base) {
    try {
      const url = new URL(address, base);
      return /^https?:$/.test(url.protocol) ? url.href : undefined;
    } catch {
      return undefined;
    }
  }

  const home = safe(settings.site) ?? `${location.origin}/`;
  const neutral = {};

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

  // The person this browser was identified as; rejects when storage fails or hangs (iOS).
  const owner = () =>
    new Promise((resolve, reject) => {
      setTimeout(reject, 500);
      const open = indexedDB.open("tocsin", 1);
      open.onupgradeneeded = () => open.result.createObjectStore("kv");
      open.onerror = reject;
      open.onsuccess = () => {
        const read = open.result.transaction("kv").objectStore("kv").get(settings.app);
        read.onerror = reject;
        read.onsuccess = () => resolve(read.result?.who);
        read.transaction.oncomplete = () => open.result.close();
      };
    });

  async function read(data) {
    const text = data?.text();
    if (!text) return neutral;
    const notification = parse(text);
    const meant = notification.data?.u;
    if (!meant) return notification;
    // A browser can be shared: what is for one person is shown to no other, and to nobody where nobody is known.
    return (await owner()) === meant ? notification : neutral;
  }

  const show = (notification) =>
    self.registration.showNotification(words(notification.title) || title, {
      body: words(notification.body),
      icon: words(notification.icon) ?? words(settings.icon),
      badge: words(notification.badge),
      image: words(notification.image),
      tag: words(notification.tag),
      lang: words(notification.lang),
      data: {
        id: notification.data?.id,
        tocsin: safe(words(notification.navigate) ?? home, home) ?? home,
      },
    });

  // Browsers punish a push that shows nothing: every path ends in a notification.
  async function receive(data) {
    try {
      await show(await read(data));
    } catch {
      await self.registration.showNotification(title, { data: { tocsin: home } });
    }
  }

  async function visit(url) {
    const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const tab = tabs.find((each) => each.url === url);
    await (tab ? tab.focus() : self.clients.openWindow(url));
  }

  self.addEventListener("push", (event) => event.waitUntil(receive(event.data)));

  self.addEventListener("notificationclick", (event) => {
    const url = event.notification.data?.tocsin;
    // The site's own worker may show notifications too.
    if (!url) return;
    event.notification.close();
    event.waitUntil(visit(url));
  });
})();
