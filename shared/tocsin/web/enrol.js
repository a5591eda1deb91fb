// On /qrcode/<code>: turns notifications on under the name that the code stands for, then shows the inbox.

const part = (id) => document.getElementById(id);
const { app, code } = part("enrolment").dataset;
const worker = encodeURIComponent(`/sw.js?app=${app}`);
// A scope of its own for each app: a browser can be enrolled for several.
const push = await import(`/sdk.js?app=${app}&sw=${worker}&scope=/qrcode/${app}/`);

const BUSY = "Too many people are doing this right now. Please try again in a minute.";
const WORDS = {
  denied: "You have blocked notifications of this page. Allow them in the browser's settings, then press the button.",
  dismissed: "The question was closed without an answer. Press the button to see it again.",
  unsupported: "This browser cannot receive notifications. A private window cannot, either.",
  insecure: "This browser cannot receive notifications here.",
  "needs-install": "Here, this page must be on the Home Screen first. This is how:",
  404: "This link can be used no more. Ask whoever gave it to you for a new one.",
  429: BUSY,
  rate_limited: BUSY,
  network: "The server did not answer. Please try again.",
};
let used = !code;
let trouble = "";

async function call(path, body) {
  // What somebody has just read or switched counts even if they leave at once.
  const request = { method: "POST", body: JSON.stringify(body), keepalive: true };
  const response = await fetch(`/qrcode/${path}`, request).catch(() => ({ status: "network" }));
  if (!response.ok) throw { code: response.status };
  return response.json();
}

// The right to the inbox: told to who brought a code, and to nobody else. Kept where the page's other data is.
const shelf = () => caches.open(`tocsin-inbox-${app}`);
const keep = async (key) => (await shelf()).put("/key", new Response(key));
const kept = async () => (await (await shelf()).match("/key"))?.text() ?? "";
const asEnrolled = async (path, body) =>
  call(`${app}/${path}`, { id: push.getState().id, key: await kept(), ...body });

function entry({ id, title, text, createdAt, readedAt }) {
  const note = document.createElement("details");
  const summary = document.createElement("summary");
  const words = document.createElement("p");
  const when = document.createElement("time");
  when.dateTime = new Date(createdAt * 1000).toISOString();
  when.textContent = new Date(createdAt * 1000).toLocaleString();
  summary.textContent = title;
  words.textContent = text;
  note.className = readedAt ? "" : "unread";
  note.append(summary, words, when);
  note.addEventListener("toggle", async () => {
    if (!note.open || !note.className) return;
    note.className = "";
    await asEnrolled("read", { notification: id }).catch(() => (note.className = "unread"));
  });
  return note;
}

async function loadInbox() {
  const { muted, notifications } = await asEnrolled("inbox");
  part("mute").checked = muted;
  part("none").hidden = notifications.length > 0;
  part("notes").replaceChildren(...notifications.map(entry));
}

function render() {
  const { support, permission, subscribed } = push.getState();
  const able = support === "supported";
  const hint = subscribed ? "Notifications are on." : able ? permission === "denied" && WORDS.denied : WORDS[support];
  part("hint").textContent = trouble || hint || (used ? WORDS[404] : "");
  part("install").hidden = support !== "needs-install";
  part("turn-on").hidden = !able || used;
  part("turn-on").textContent = subscribed ? "Use this link in place of the last one" : "Turn on notifications";
  part("on").hidden = !subscribed;
  part("enrolment").hidden = false;
}

// Tells what went wrong, whatever it was, and never leaves a button without an answer.
const attempt = (work) => async () => {
  trouble = "";
  try {
    await work();
  } catch (error) {
    trouble = WORDS[error.code] ?? error.message ?? "That did not work. Please try again.";
  }
  render();
};

async function turnOn() {
  // First of all: browsers ask only while the click counts.
  const permission = await Notification.requestPermission();
  if (permission !== "granted") throw { code: permission === "denied" ? permission : "dismissed" };
  const { externalId, token, key } = await call(code, {});
  await keep(key);
  await push.identify(externalId, token);
  await push.subscribe();
  used = true;
  // From now on the page is this device's own, and the code stands in no history.
  history.replaceState(null, "", `/qrcode/${app}`);
  await loadInbox();
}

async function turnOff() {
  await push.unsubscribe();
  used = !code;
}

async function mute() {
  const wanted = part("mute").checked;
  // What the server has not heard of must not seem to be so.
  part("mute").checked = !wanted;
  await asEnrolled("mute", { muted: wanted });
  part("mute").checked = wanted;
}

part("turn-on").addEventListener("click", attempt(turnOn));
part("turn-off").addEventListener("click", attempt(turnOff));
part("mute").addEventListener("change", attempt(mute));
push.on("change", render);
push.on("notification", () => loadInbox().catch(() => {}));

await push.ready;
await attempt(async () => push.getState().subscribed && loadInbox())();
