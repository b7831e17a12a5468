/** Sample words of a story in the language of the toolbar: `const say = words(globals)`. */
export function words(globals: Record<string, unknown>): <Word>(ru: Word, en: Word) => Word {
  return (ru, en) => (globals['locale'] === 'en' ? en : ru)
}

/** Picks a word by language. */
export type Say = ReturnType<typeof words>
