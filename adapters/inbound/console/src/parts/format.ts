// Times, sizes and numbers as people read them.

/** Seconds as '0.4 s', '12 s', '3 min 20 s', '2 h 5 min', '3 d 4 h'. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '—';
  if (seconds < 0) return '0 s';
  if (seconds < 10) return `${Math.floor(seconds * 10) / 10} s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, 'min', 1, 's');
  if (whole < 86_400) return pair(whole, 3600, 'h', 60, 'min');
  return pair(whole, 86_400, 'd', 3600, 'h');
}

const pair = (seconds: number, big: number, bigUnit: string, small: number, smallUnit: string): string => {
  const rest = Math.floor((seconds % big) / small);
  return `${Math.floor(seconds / big)} ${bigUnit}${rest ? ` ${rest} ${smallUnit}` : ''}`;
};

export const secondsSince = (time: Date | string, now = Date.now()): number => (now - new Date(time).getTime()) / 1000;

/** How long ago a time was: '12 s ago', 'now'; or how far ahead it is: 'in 12 s'. */
export function ago(time: Date | string | null | undefined, now = Date.now()): string {
  if (!time) return '—';
  const seconds = secondsSince(time, now);
  if (Math.abs(seconds) < 1) return 'now';
  const whole = duration(Math.max(1, Math.floor(Math.abs(seconds))));
  return seconds < 0 ? `in ${whole}` : `${whole} ago`;
}

/** A time of day, with the date unless that is today. */
export function clock(time: Date | string | null | undefined): string {
  if (!time) return '—';
  const at = new Date(time);
  const day = at.toDateString() === new Date().toDateString() ? '' : at.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' }) + ' ';
  return day + at.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false } as Intl.DateTimeFormatOptions);
}

/** Bytes as '812 B', '64 KiB', '1.5 MiB'. */
export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; n >= 1024 && unit < units.length - 1; unit++) n /= 1024;
  return `${n < 10 && unit ? Math.round(n * 10) / 10 : Math.round(n)} ${units[unit]}`;
}

export const number = (n: number): string => n.toLocaleString('en');

export const plural = (n: number, one: string, many = one + 's'): string => `${number(n)} ${n === 1 ? one : many}`;

/** The first characters of an ID, which tell it apart for the eye. */
export const short = (id: string): string => id.slice(0, 8);
