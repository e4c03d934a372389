import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventParser } from '../src/hub/parser.js';

/** What a parser made of a stream that came in the given pieces. */
function parse(pieces: string[]) {
  const out: unknown[] = [];
  const parser = new EventParser('', {
    event: (event) => out.push({ ...event }),
    comment: () => out.push('comment'),
    retry: (ms) => out.push({ retry: ms }),
  });
  for (const piece of pieces) parser.push(piece);
  out.push({ lastId: parser.lastId });
  return out;
}

// The algorithm of the WHATWG, step by step, on a whole stream: slow, and plainly right.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
function reference(stream: string) {
  const out: unknown[] = [];
  let data = '', name = '', id = '', lastId = '';
  const lines = stream.split(/\r\n|\n|\r/);
  lines.pop(); // a line that is not ended is not processed
  for (const line of lines) {
    if (line === '') {
      lastId = id;
      if (data === '') {
        name = '';
        continue;
      }
      if (data.endsWith('\n')) data = data.slice(0, -1);
      out.push({ name: name === '' ? 'message' : name, data, id: lastId });
      data = name = '';
    } else if (line.startsWith(':')) out.push('comment');
    else {
      let [field, value] = [line, ''];
      if (line.includes(':')) {
        field = line.slice(0, line.indexOf(':'));
        value = line.slice(line.indexOf(':') + 1);
        if (value.startsWith(' ')) value = value.slice(1);
      }
      if (field === 'event') name = value;
      else if (field === 'data') data += value + '\n';
      else if (field === 'id') id = value.includes('\u0000') ? id : value;
      else if (field === 'retry' && /^[0-9]+$/.test(value)) out.push({ retry: Number(value) });
    }
  }
  out.push({ lastId });
  return out;
}

/** Numbers from a seed, so that a failure can be run again (mulberry32). */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const PARTS = ['data', 'event', 'id', 'retry', ':', ': ', ' ', '\n', '\r', '\r\n', '\n\n', '\r\n\r\n', '12', 'x', '\0', '\u{1F4A1}', 'é', '{"a":1}', ':x', 'data: y\n', 'id: 7\n', ''];

test('B1 any text in any pieces gives the events of the WHATWG algorithm', () => {
  const seed = Number(process.env.SEED ?? 20260301);
  const next = random(seed);
  const pick = <T>(from: T[]): T => from[Math.floor(next() * from.length)]!;
  for (let round = 0; round < 4000; round++) {
    const stream = Array.from({ length: Math.floor(next() * 40) }, () => pick(PARTS)).join('');
    const pieces: string[] = [];
    for (let at = 0; at < stream.length; ) {
      const length = Math.floor(next() * 6);
      pieces.push(stream.slice(at, at + length));
      at += length;
    }
    assert.deepEqual(parse(pieces), reference(stream), `seed ${seed}, round ${round}: ${JSON.stringify(pieces)}`);
  }
});

test('B1 bytes that are cut within a character are put together', () => {
  const bytes = new TextEncoder().encode('\uFEFFdata: \u{1F4A1}é\n\n');
  for (let cut = 0; cut <= bytes.length; cut++) {
    const decoder = new TextDecoder();
    const pieces = [decoder.decode(bytes.subarray(0, cut), { stream: true }), decoder.decode(bytes.subarray(cut), { stream: true })];
    assert.deepEqual(parse(pieces), [{ name: 'message', data: '\u{1F4A1}é', id: '' }, { lastId: '' }]);
  }
});

test('B1 an event that is too long to be one is an error, not memory', () => {
  const parser = new EventParser('', { event() {}, comment() {}, retry() {} });
  const piece = 'x'.repeat(1 << 20);
  assert.throws(() => {
    for (let i = 0; i < 20; i++) parser.push(piece);
  }, /too long/);
});

test('B1 an event that never ends is no event, and its id does not count', () => {
  assert.deepEqual(parse(['id: 1\ndata: a\n\nid: 2\ndata: b\n']), [{ name: 'message', data: 'a', id: '1' }, { lastId: '1' }]);
});
