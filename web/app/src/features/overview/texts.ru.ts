export const ru = {
  title: 'overview',
} as const
