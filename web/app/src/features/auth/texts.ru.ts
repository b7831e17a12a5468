export const ru = {
  title: 'auth',
} as const
