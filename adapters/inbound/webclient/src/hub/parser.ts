// The parser of event streams (rule B1), after the WHATWG algorithm:
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

export interface StreamEvent {
  /** 'message' when the stream names none. */
  name: string;
  data: string;
  /** The last event ID as of this event; '' before the first. */
  id: string;
}

export interface ParserOutput {
  event(event: StreamEvent): void;
  /** A comment, such as a heartbeat. */
  comment(): void;
  /** The server says how long to wait before a reconnect, in milliseconds. */
  retry(ms: number): void;
}

/** No event is as long as this, in UTF-16 units: the service's limit is configurable, but not to this. */
const MAX_PENDING = 1 << 24;
const LINE_END = /[\r\n]/g;
const DIGITS = /^[0-9]+$/;

/** Makes events of text that comes in pieces, however it is cut. */
export class EventParser {
  /** The last event ID, as of the last complete event. */
  lastId: string;

  readonly #out: ParserOutput;
  #line = ''; // what has come of the line
  #afterCR = false; // a line feed now belongs to the line end before
  #name = '';
  #data = '';
  #id: string;

  constructor(lastId: string, out: ParserOutput) {
    this.lastId = this.#id = lastId;
    this.#out = out;
  }

  /** Takes the next piece. Throws when an event is too long to be one. */
  push(text: string): void {
    if (!text) return;
    let at = this.#afterCR && text[0] === '\n' ? 1 : 0;
    this.#afterCR = false;
    LINE_END.lastIndex = at;
    for (let end; (end = LINE_END.exec(text)); ) {
      const line = this.#line + text.slice(at, end.index);
      this.#line = '';
      at = end.index + 1;
      if (end[0] === '\r') {
        if (at === text.length) this.#afterCR = true;
        else if (text[at] === '\n') at++;
      }
      LINE_END.lastIndex = at;
      this.#take(line);
      LINE_END.lastIndex = at;
    }
    this.#line += text.slice(at);
    if (this.#line.length + this.#data.length > MAX_PENDING) throw new Error('an event is too long');
  }

  #take(line: string): void {
    if (!line) return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return this.#out.comment();
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data += value + '\n';
    else if (field === 'event') this.#name = value;
    else if (field === 'id') {
      if (!value.includes('\0')) this.#id = value;
    } else if (field === 'retry' && DIGITS.test(value)) this.#out.retry(Number(value));
  }

  #dispatch(): void {
    this.lastId = this.#id;
    const event = { name: this.#name || 'message', data: this.#data.slice(0, -1), id: this.#id };
    const empty = !this.#data;
    this.#name = this.#data = '';
    if (!empty) this.#out.event(event);
  }
}
