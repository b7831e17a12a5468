/**
 * What another language must say: the same keys, other words. Forms of the plural that only Russian has fall away.
 *
 * A feature's words are `texts.ru.ts` (the source, `as const`, so that i18next knows keys and variables) and
 * `texts.en.ts` with this type.
 */
export type Translation<T> = {
  [K in keyof T as K extends `${string}_few` | `${string}_many` ? never : K]: T[K] extends string
    ? string
    : Translation<T[K]>
}
