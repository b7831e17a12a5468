export const ru = {
  title: 'shell',
} as const
