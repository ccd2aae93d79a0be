// A guest in JavaScript, as componentize-js builds it: ordinary actions, ways to fail, and a guard.

import { now } from 'kiket:plugin/clock@0.1.0';
import { send as sendRequest } from 'kiket:plugin/http@0.1.0';
import { get, set } from 'kiket:plugin/kv@0.1.0';
import { line } from 'kiket:plugin/log@0.1.0';

/** A failure as `wit/` has it: a plain object that is thrown is the function's error. */
const failure = (tag, val) => ({ tag, val });
const transient = (message, retryAfterMs) => failure('transient', { message, retryAfterMs });

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const actions = {
  greet({ name }, { stage }) {
    const before = get('greetings');
    const count = before === undefined ? 1 : Number(decoder.decode(before)) + 1;
    set('greetings', encoder.encode(String(count)));
    line('info', `greeting ${name}`);
    console.log('printed to stdout');
    console.error('printed to stderr');
    return { text: `Grüße, ${name}!`, count, at: Number(now()), stage };
  },

  /** Through `kiket:plugin/http`. */
  send({ url, method = 'GET', body = '' }, { effectKey }) {
    const headers = [['idempotency-key', effectKey]];
    let answer;
    try {
      answer = sendRequest({ method, url, headers, body: encoder.encode(body) });
    } catch ({ payload }) {
      throw payload.tag === 'denied' ? failure('denied', payload.val) : transient(`${payload.tag} ${payload.val}`);
    }
    return { status: answer.status, body: decoder.decode(answer.body) };
  },

  /** Through the engine's own `fetch`, which is `wasi:http`. */
  async fetch({ url, method = 'GET', body }, { effectKey }) {
    const answer = await fetch(url, { method, body, headers: { 'idempotency-key': effectKey } });
    return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() };
  },

  async fetch_all({ urls }) {
    const answers = await Promise.all(urls.map((url) => fetch(url)));
    return { bodies: await Promise.all(answers.map((answer) => answer.text())) };
  },

  roll({ until_attempt = 1 }, { attempt }) {
    const rolled = Array.from({ length: 4 }, () => Math.random());
    const secure = Array.from(crypto.getRandomValues(new Uint8Array(8)));
    line('info', `rolled ${rolled} ${secure}`);
    if (attempt < until_attempt) throw transient('again', 1n);
    return { rolled, secure };
  },

  fail({ kind, message }) {
    throw kind === 'transient' ? transient(message, 1n) : failure(kind.replace('_', '-'), message);
  },

  throw({ message }) {
    const deeper = (depth) => {
      if (depth === 0) throw new TypeError(message);
      return deeper(depth - 1) + 1;
    };
    return deeper(20);
  },
};

export const action = {
  async run(invocation) {
    const action = actions[invocation.action];
    if (!action) throw failure('invalid-input', `no action \`${invocation.action}\``);
    try {
      return JSON.stringify(await action(JSON.parse(invocation.input), invocation));
    } catch (thrown) {
      // Failures, and errors of imports, are what they are. The stack of anything else ends here: nobody below keeps it.
      if (thrown?.tag || thrown?.payload) throw thrown;
      console.error(`${thrown}\n${thrown?.stack}`);
      throw failure('permanent', `${thrown}`);
    }
  },
};

export const guard = {
  decide({ guard, input, item }) {
    if (guard === 'throws') throw new RangeError('the guard gave up');
    const { accept } = JSON.parse(input);
    const { risk } = JSON.parse(item).fields;
    if (accept.includes(risk)) return { tag: 'allow' };
    return { tag: 'deny', val: `the risk is ${risk}, accepted is ${accept.join(', ')}` };
  },
};
