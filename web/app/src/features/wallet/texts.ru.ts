export const ru = {
  title: 'wallet',
} as const
