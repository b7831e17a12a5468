export const ru = {
  title: 'Вход для сотрудников Neipix',
  lead: 'Панель платформы. Клиенты входят в приложении.',
  email: 'Почта',
  emailWrong: 'Похоже, в адресе опечатка: нужен адрес вида имя@компания.ru',
  password: 'Пароль',
  passwordMissing: 'Введите пароль',
  submit: 'Войти',
} as const
