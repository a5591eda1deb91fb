// npm's web-push with connections that are kept, 100 at a time.
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import webpush from 'web-push';

const task = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const options = {
  vapidDetails: { subject: task.subject, publicKey: task.public_key, privateKey: task.private_key },
  TTL: task.ttl,
  agent: new Agent({ keepAlive: true, maxSockets: task.concurrency }),
};

async function push(subscriptions) {
  let next = 0;
  const work = async () => {
    while (next < subscriptions.length) await webpush.sendNotification(subscriptions[next++], task.text, options);
  };
  await Promise.all(Array.from({ length: task.concurrency }, work));
}

await push(task.warm_up);
const [cpuBefore, wallBefore] = [process.cpuUsage(), process.hrtime.bigint()];
await push(task.subscriptions);
const cpu = process.cpuUsage(cpuBefore);
const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1000;
writeFileSync(task.result, JSON.stringify({
  messages: task.subscriptions.length,
  cpu: (cpu.user + cpu.system) / 1e6,
  wall: Number(process.hrtime.bigint() - wallBefore) / 1e9,
  peak,
}));
options.agent.destroy();
