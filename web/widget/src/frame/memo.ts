import { Component, createElement, type FunctionComponent } from 'preact'

/** A component that is drawn again only when one of its props is another value. */
export function memo<P extends object>(Inner: FunctionComponent<P>): FunctionComponent<P> {
  class Remembering extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const names = new Set([...Object.keys(this.props), ...Object.keys(next)]) as Set<keyof P>
      return [...names].some((name) => (this.props as P)[name] !== next[name])
    }
    override render() {
      return createElement(Inner, this.props as P)
    }
  }
  return Remembering as unknown as FunctionComponent<P>
}
