// The demo page: subscribes this browser through the SDK and shows how to send to it.

const part = (id) => document.getElementById(id);

// What happened, and what to do about it, for the person in front of the page.
const EXPLANATIONS = {
  unsupported: ["This browser cannot receive push messages.", "Use a current Firefox, Chrome or Edge; on an iPhone or iPad, add the page to the Home Screen first. Private windows do not work."],
  insecure: ["Push messages need a secure page.", "Open this page as http://localhost, not by an address in your network."],
  denied: ["Notifications are blocked for this page.", "Allow them in the browser's settings of this site (the icon beside the address), then press the button again."],
  dismissed: ["The browser's question was closed without an answer.", "Press the button again and choose “Allow”."],
  worker_missing: ["The service worker did not load.", "Look whether “make dev” still runs, then reload the page."],
  worker_timeout: ["The service worker did not start within 10 seconds.", "Reload the page; if that does not help, restart the browser."],
  push_service_timeout: ["The browser's push service did not answer within 20 seconds.", "Check your connection. Some browsers and networks block it: in Brave, switch on “Use Google services for push messaging”; without internet, use the simulated browser that “make dev” prints."],
  push_service_error: ["The browser could not reach its push service.", "Check your connection; without internet, use the simulated browser that “make dev” prints."],
  origin_not_allowed: ["This page's address is not on the app's list.", "Open the page by the address that “make dev” printed."],
  identity_required: ["This app wants proof of who you are.", "The demo sends none: set the app's identity mode to “off” or “report”."],
  identity_invalid: ["The proof of who you are was refused.", "Reload the page to get a fresh one."],
  rate_limited: ["Too many requests in a short time.", "Wait a minute, then press the button again."],
  app_disabled: ["The demo app is switched off.", "Restart “make dev”."],
  network: ["The server did not answer.", "Look whether “make dev” still runs, then press the button again."],
  server_error: ["The server refused.", "Read its words below, and the lines that “make dev” writes."],
  no_config: ["The demo's settings could not be read.", "Start it with “make dev” and open the address that it prints."],
  send_failed: ["The message was not sent.", "Look at the lines that “make dev” writes, then press the button again."],
};

function showProblem(code, detail = "") {
  const [what, todo] = EXPLANATIONS[code] ?? EXPLANATIONS.server_error;
  part("problem-what").textContent = what;
  part("problem-do").textContent = todo;
  part("problem-code").textContent = [code, detail].filter(Boolean).join(": ");
  part("problem").hidden = false;
}

const hideProblem = () => {
  part("problem").hidden = true;
};

// A line for a POSIX shell, where the address stands inside single quotes.
const commandFor = (config, email) => config.curl.replaceAll(config.email, email.replaceAll("'", `'\\''`));

function showState(state) {
  const line = part("state");
  const [kind, text] = state.subscribed
    ? ["on", "On: this browser receives messages."]
    : state.permission === "denied"
      ? ["blocked", "Blocked: notifications are not allowed for this page."]
      : state.support === "supported"
        ? ["off", "Off: this browser receives nothing yet."]
        : ["blocked", EXPLANATIONS[state.support]?.[0] ?? EXPLANATIONS.unsupported[0]];
  line.dataset.state = kind;
  line.textContent = text;
  part("step-one").textContent = state.subscribed ? "1. It is on" : "1. Turn it on";
  part("turn-on").hidden = state.subscribed;
  part("turn-off").hidden = !state.subscribed;
  part("email").disabled = state.subscribed;
  part("send").hidden = !state.subscribed;
}

// One press at a time: the button is off while its work runs, and every failure is explained.
async function during(button, work) {
  button.disabled = true;
  hideProblem();
  try {
    await work();
  } catch (error) {
    showProblem(typeof error.code === "string" ? error.code : "network", error.message);
  } finally {
    button.disabled = false;
  }
}

async function sendOne(email) {
  part("sent").textContent = "Sending …";
  const response = await fetch("/demo/send", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email }),
  });
  part("sent").textContent = response.ok ? "Sent: it should appear within a second or two." : "";
  if (!response.ok) showProblem("send_failed", `status ${response.status}`);
}

async function start() {
  const response = await fetch("/demo/config.json");
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { code: "no_config" });
  const config = await response.json();

  const settings = new URLSearchParams({
    app: config.app,
    sw: `/demo/tocsin-sw.js?${new URLSearchParams({ app: config.app })}`,
    scope: "/demo/",
  });
  const push = await import(`/sdk.js?${settings}`);

  const email = part("email");
  email.value = localStorage.getItem("email") ?? config.email;
  const showCommand = () => {
    part("curl").textContent = commandFor(config, email.value);
  };
  showCommand();

  push.on("change", showState);
  showState(await push.ready);

  part("turn-on").disabled = false;
  part("subscribe").addEventListener("submit", (event) => {
    event.preventDefault();
    during(part("turn-on"), async () => {
      await push.subscribe({ email: email.value });
      localStorage.setItem("email", email.value);
      showCommand();
      part("copy").focus();
    });
  });
  part("turn-off").addEventListener("click", () =>
    during(part("turn-off"), async () => {
      await push.unsubscribe();
      part("turn-on").focus();
    }),
  );
  part("send-one").addEventListener("click", () => during(part("send-one"), () => sendOne(email.value)));
  part("copy").addEventListener("click", async () => {
    const copied = navigator.clipboard.writeText(part("curl").textContent).then(
      () => "Copied.",
      () => "This browser does not let the page copy: mark the line and copy it by hand.",
    );
    part("sent").textContent = await copied;
  });
}

start().catch((error) => showProblem(error.code ?? "no_config", error.message));
