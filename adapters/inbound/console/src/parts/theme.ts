// Light, dark, or as the system has it.

const KEY = 'heliograph:theme';
const THEMES = ['system', 'light', 'dark'] as const;

const current = (): (typeof THEMES)[number] => THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'system';

export const themeName = (): string => `Theme: ${current()}`;

/** Sets what was chosen before. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = current();
}

/** Takes the next one, and returns its name. */
export function nextTheme(): string {
  localStorage.setItem(KEY, THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length]!);
  applyTheme();
  return themeName();
}
