// On /mobile: opens the help for the reader's own system, and says what this very browser lacks.

const agent = navigator.userAgent;
// An iPad calls itself a Mac, but no Mac has a touch screen.
const system = [
  ["ios", /iPhone|iPad/.test(agent) || (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1)],
  ["android", /Android/.test(agent)],
  ["mac", /Macintosh/.test(agent)],
  ["windows", /Windows/.test(agent)],
  ["linux", /Linux|CrOS/.test(agent)],
].find(([, found]) => found)?.[0];

for (const part of document.querySelectorAll("details")) part.open = !system || part.dataset.system === system;

// Browsers inside other apps leave out the name of a browser, or add the app's.
const inApp = system === "ios" && (!/Safari\//.test(agent) || /FBAN|FBAV|Instagram|Line\//.test(agent));
const capable = "serviceWorker" in navigator && "PushManager" in self && "Notification" in self;

const hint = document.getElementById("hint");
hint.textContent = inApp
  ? "This is a browser inside another app. Copy the address and open it in Safari."
  : capable
    ? Notification.permission === "denied"
      ? "This browser could show notifications, but you have blocked them."
      : "This browser can receive notifications."
    : system === "ios"
      ? "Here, a site must be on the Home Screen before it can send notifications."
      : "This browser cannot receive notifications. A private window cannot, either.";
hint.hidden = false;

const copy = document.getElementById("copy");
copy.hidden = !inApp || !navigator.clipboard;
copy.addEventListener("click", async () => {
  const copied = navigator.clipboard.writeText(location.href);
  hint.textContent = await copied.then(
    () => "Copied: now paste it into Safari.",
    () => "This app does not let the page copy: mark the address and copy it by hand.",
  );
});
