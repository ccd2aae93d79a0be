// Follows a stream with npm's `eventsource` and prints a line of JSON for each event, and `closed` when the server
// has said that nothing comes any more. The package reconnects by itself.
import { EventSource } from "eventsource";

const [url, token, kinds] = process.argv.slice(2);
const withToken = (input, init) =>
  fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
const source = new EventSource(url, { fetch: withToken });
for (const kind of kinds.split(",")) {
  source.addEventListener(kind, (event) =>
    console.log(JSON.stringify({ id: event.lastEventId, kind, data: event.data })),
  );
}
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) console.log("closed");
});
