export const ru = {
  title: 'assistants',
} as const
