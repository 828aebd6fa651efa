// Follows one subscription with a stock client: `node follow.mjs ws|sse`, with {url, token, query, variables} as JSON on
// stdin. Prints "ready" when it is connected, then each answer as one line; a line on stdin ends the connection's life
// ("cut": the client comes back by itself) or the process ("end").
import { createInterface } from 'node:readline';
import { createClient as overSocket } from 'graphql-ws';
import { createClient as overEvents } from 'graphql-sse';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { url, token, query, variables } = JSON.parse((await lines.next()).value);
const bearer = `Bearer ${token}`;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
let cursor = variables?.after;
let socket;
const ready = () => say('ready');
const client =
  process.argv[2] === 'ws'
    ? overSocket({
        url: url.replace('http', 'ws'),
        connectionParams: { authorization: bearer },
        retryAttempts: 5,
        retryWait: async () => {},
        shouldRetry: () => true,
        on: { connected: (found) => { socket = found; ready(); } },
      })
    : overEvents({
        url,
        headers: { authorization: bearer },
        retryAttempts: 0,
        onMessage: undefined,
        on: { connected: ready },
      });
// A getter: a client that comes back asks anew from the last cursor.
const asked = { query, get variables() { return { ...variables, after: cursor }; } };
client.subscribe(asked, {
  next(answer) {
    cursor = answer.extensions?.cursor ?? cursor;
    say(answer);
  },
  error: (error) => say({ error: Array.isArray(error) ? error : `${error?.code ?? ''} ${error?.reason ?? error}` }),
  complete: () => say('complete'),
});
for (let line = await lines.next(); !line.done && line.value !== 'end'; line = await lines.next()) {
  if (line.value === 'cut') socket.close(4205, 'cut');
}
process.exit(0);
