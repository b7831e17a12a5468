/*
 * In place of micromark's readers of raw HTML. The kit's rules disable them by these names; without them they are not
 * even there.
 */
const never = { tokenize: (_effects: unknown, _ok: unknown, nok: unknown) => nok }

export const htmlFlow = { name: 'htmlFlow', concrete: true, ...never }
export const htmlText = { name: 'htmlText', ...never }
