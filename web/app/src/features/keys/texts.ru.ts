export const ru = {
  title: 'keys',
} as const
