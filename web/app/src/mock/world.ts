import type { Me, Schemas } from '@neipix/api'

/** What the mock server remembers. */
export interface World {
  signedIn: boolean
  me: Me
  wallet: Schemas['Wallet']
  transfers: Schemas['Transfer'][]
  assistants: Schemas['Assistant'][]
  conversations: Schemas['Conversation'][]
  audit: Schemas['AuditRecord'][]
  keys: Schemas['ApiKey'][]
}

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
const uuid = (n: number) => `019d0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`

const OWNER = [
  'api_keys.manage',
  'assistants.publish',
  'assistants.read',
  'assistants.write',
  'audit.read',
  'billing.pay',
  'billing.read',
  'channels.manage',
  'channels.read',
  'chats.ask',
  'chats.read',
  'chats.reply',
  'contacts.read',
  'knowledge.read',
  'knowledge.write',
  'members.manage',
  'workspace.manage',
]

function person(): Me {
  const workspace = { id: uuid(2), name: 'Лавка у моря' }
  return {
    user: { id: uuid(1), email: 'anna@example.ru', name: 'Анна Смирнова', locale: 'ru', blocked: false },
    workspace,
    role: 'ROLE_OWNER',
    permissions: OWNER,
    platformRole: 'PLATFORM_ROLE_UNSPECIFIED',
    workspaces: [{ workspace, role: 'ROLE_OWNER' }],
  }
}

function assistant(n: number, name: string, status: Schemas['AssistantStatus']): Schemas['Assistant'] {
  return {
    id: uuid(100 + n),
    draft: { name, description: '', instruction: `Ты ${name}.`, stopWords: [] },
    status,
    publishedVersion: status === 'ASSISTANT_STATUS_DRAFT' ? 0 : 2,
    unpublishedChanges: n === 2,
    etag: `"${n}"`,
    createTime: ago(60 * 24 * 30),
    updateTime: ago(40 * n),
  }
}

function conversation(n: number, name: string, text: string, waits: boolean): Schemas['Conversation'] {
  const id = uuid(200 + n)
  return {
    id,
    assistantId: uuid(101),
    channelId: uuid(300),
    channelKind: n % 2 ? 'CHANNEL_KIND_TELEGRAM' : 'CHANNEL_KIND_API',
    contact: { id: uuid(400 + n), displayName: name },
    status: waits ? 'CONVERSATION_STATUS_PENDING' : 'CONVERSATION_STATUS_OPEN',
    handler: waits ? 'HANDLER_NOBODY' : 'HANDLER_ASSISTANT',
    handlerMemberId: '',
    handlerEpoch: '2',
    lastSeq: '3',
    lastMessage: {
      id: uuid(500 + n),
      conversationId: id,
      seq: '3',
      author: 'AUTHOR_CONTACT',
      authorMemberId: '',
      clientId: '',
      turnId: '',
      text,
      interrupted: false,
      citations: [],
      deliveryState: 'DELIVERY_STATE_UNSPECIFIED',
      deliveryError: '',
      createTime: ago(3 * n),
    },
    createTime: ago(60 * n),
    updateTime: ago(3 * n),
  }
}

function transfers(): Schemas['Transfer'][] {
  let balance = 5_000_000_000n
  const rows: Schemas['Transfer'][] = []
  for (let n = 0; n < 120; n += 1) {
    const kind: Schemas['TransferKind'] =
      n === 0
        ? 'TRANSFER_KIND_GRANT'
        : n % 3 === 1
          ? 'TRANSFER_KIND_HOLD'
          : n % 3 === 2
            ? 'TRANSFER_KIND_SETTLE'
            : 'TRANSFER_KIND_RELEASE'
    const amount =
      kind === 'TRANSFER_KIND_GRANT'
        ? 0n
        : kind === 'TRANSFER_KIND_HOLD'
          ? -9_000_000n
          : BigInt(1_200_000 + n * 10_000)
    balance += amount
    rows.unshift({
      id: uuid(1000 + n),
      kind,
      turnId: kind === 'TRANSFER_KIND_GRANT' ? '' : uuid(600 + Math.floor((n - 1) / 3)),
      amountMicroPix: String(n === 0 ? balance : amount),
      balanceMicroPix: String(balance),
      postings: [],
      createTime: ago(60 * (120 - n)),
    })
  }
  return rows
}

/** A company as it may look after a month. */
export function newWorld(): World {
  const rows = transfers()
  return {
    signedIn: false,
    me: person(),
    wallet: {
      availableMicroPix: rows[0]!.balanceMicroPix,
      bonusMicroPix: '3500000000',
      planMicroPix: '0',
      purchasedMicroPix: String(BigInt(rows[0]!.balanceMicroPix) - 3_500_000_000n),
      heldMicroPix: '9000000',
      spentMicroPix: '860000000',
      updateTime: ago(4),
    },
    transfers: rows,
    assistants: [
      assistant(1, 'Мария, продавец-консультант', 'ASSISTANT_STATUS_PUBLISHED'),
      assistant(2, 'Борис, поддержка доставки', 'ASSISTANT_STATUS_PUBLISHED'),
      assistant(3, 'Ольга, запись на занятия', 'ASSISTANT_STATUS_DRAFT'),
      assistant(4, 'Павел, возвраты', 'ASSISTANT_STATUS_PAUSED'),
    ],
    conversations: [
      conversation(1, 'Иван Петров', 'Мне нужен человек, тут сложный вопрос про возврат', true),
      conversation(2, 'Елена', 'А когда привезут? Заказ 40218', true),
      conversation(3, '', 'Спасибо!', false),
    ],
    audit: [
      audit(1, 'PublishAssistant', 'assistant:' + uuid(101), 12),
      audit(2, 'CreateApiKey', 'api_key:' + uuid(900), 95),
      audit(3, 'ConfirmEmail', 'workspace:' + uuid(2), 60 * 24 * 30),
    ],
    keys: [
      {
        id: uuid(900),
        name: 'Сайт',
        prefix: 'npk_Qw7eRt90',
        permissions: ['chats.ask', 'chats.read'],
        assistantId: '',
        makerId: uuid(1),
        createTime: ago(60 * 24 * 9),
        lastUseTime: ago(7),
      },
      {
        id: uuid(901),
        name: 'Старая CRM',
        prefix: 'npk_Zx1cVb23',
        permissions: ['chats.read', 'contacts.read'],
        assistantId: uuid(101),
        makerId: uuid(1),
        createTime: ago(60 * 24 * 40),
        revokeTime: ago(60 * 24 * 3),
      },
    ],
  }
}

function audit(n: number, action: string, object: string, minutes: number): Schemas['AuditRecord'] {
  return {
    id: uuid(700 + n),
    seq: String(n),
    service: 'auth',
    actor: `user:${uuid(1)}`,
    onBehalfOf: '',
    action,
    object,
    reason: '',
    detail: '',
    prevHash: '',
    hash: '',
    time: ago(minutes),
  }
}

/** The one world of this page or test; `resetWorld` begins it anew. */
export const world: World = newWorld()

export function resetWorld(changes: Partial<World> = {}): World {
  return Object.assign(world, newWorld(), changes)
}
