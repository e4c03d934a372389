import 'heliograph-client';

declare module 'heliograph-client' {
  interface TaskTypes {
    import: { params: { rows: number }; result: { rows: number } };
  }
}
