// What tests use of it. Its own types need newer ones of node than the library's.
export class Window {
  constructor(options: { url: string });
  [name: string]: any;
}
