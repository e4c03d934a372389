// The entry of heliograph-client/elements: importing it defines the elements.

import { TaskElement } from './ui/taskelement.js';
import { VersionElement } from './ui/versionelement.js';

export { useClient } from './ui/element.js';
export { TaskElement as HeliographTask, VersionElement as HeliographVersion };

globalThis.customElements?.define('heliograph-task', TaskElement);
globalThis.customElements?.define('heliograph-version', VersionElement);
