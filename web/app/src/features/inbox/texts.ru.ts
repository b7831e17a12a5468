export const ru = {
  title: 'inbox',
} as const
