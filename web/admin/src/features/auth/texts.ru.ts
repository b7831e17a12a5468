export const ru = {
  login: {
    title: 'Вход для сотрудников Neipix',
    lead: 'Панель платформы. Клиенты входят в приложении.',
    submit: 'Войти',
    remember: 'Запомнить на 30 дней',
  },
  fields: {
    email: 'Почта',
    password: 'Пароль',
    showPassword: 'Показать пароль',
    hidePassword: 'Скрыть пароль',
  },
  errors: {
    email: 'Похоже, в адресе опечатка: нужен адрес вида имя@компания.ru',
    passwordEmpty: 'Введите пароль',
  },
} as const
