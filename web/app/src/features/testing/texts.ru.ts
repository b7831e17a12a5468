export const ru = { title: 'Проверка' } as const
