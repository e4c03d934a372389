// The entry of heliograph-client/testing (rule B19).

export { fakeClient } from './fake/client.js';
