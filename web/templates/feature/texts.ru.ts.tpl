export const ru = {
  title: '{{title}}',
  empty: 'Здесь пока пусто',
  emptyHint: 'Когда что-то появится, вы увидите это здесь.',
} as const
