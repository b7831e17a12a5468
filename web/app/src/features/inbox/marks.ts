/*
 * The order in which this page hears: each event gets the next number; what is read from the server is as new as the
 * number at the moment when it was asked for. A change that is younger than that has an event that comes later.
 */

let heard = 0
/** How often events were missed for good. */
let missed = 0

/** The number of what is heard now. */
export function nextMark(): number {
  heard += 1
  return heard
}

/** The number up to which all has been heard. */
export function markNow(): number {
  return heard
}

/** Events were missed: what is on its way may be from before them. */
export function markMissed(): void {
  missed += 1
}

/** Remembers this moment; the answer tells whether events were missed since. */
export function missedSince(): () => boolean {
  const then = missed
  return () => then !== missed
}
