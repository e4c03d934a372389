// Renders hooks and keeps what they return.

import '../dom.js';
import { StrictMode, act, createElement, type ReactNode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';

import { HeliographProvider } from '../../src/react.js';
import type { Client } from '../../types/index.js';

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

export interface Rendered<T> {
  /** What the hook returned in each render. */
  readonly all: T[];
  /** The newest of it. */
  now(): T;
  again(): Promise<void>;
  unmount(): Promise<void>;
}

const roots = new Set<() => Promise<void>>();

/** Renders a component that calls use. client is that of its provider. */
export async function render<T>(client: Client, use: () => T, { strict = false, enabled = true, html = '' } = {}): Promise<Rendered<T>> {
  const all: T[] = [];
  const Component = (): ReactNode => {
    const value = use();
    all.push(value);
    return JSON.stringify(value) ?? '';
  };
  const tree = () => {
    const provider = createElement(HeliographProvider, { client, enabled }, createElement(Component));
    return strict ? createElement(StrictMode, null, provider) : provider;
  };
  const box = document.createElement('div');
  box.innerHTML = html;
  document.body.append(box);
  let root!: ReturnType<typeof createRoot>;
  await act(async () => {
    if (html) root = hydrateRoot(box, tree());
    else (root = createRoot(box)).render(tree());
  });
  const unmount = async () => {
    roots.delete(unmount);
    await act(async () => root.unmount());
    box.remove();
  };
  roots.add(unmount);
  return {
    all,
    now: () => all.at(-1)!,
    again: () => act(async () => root.render(tree())) as Promise<void>,
    unmount,
  };
}

export async function unmountAll(): Promise<void> {
  for (const unmount of roots) await unmount();
}
