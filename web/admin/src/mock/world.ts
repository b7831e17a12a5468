import type { Me, Schemas } from '@neipix/api'

/** What the mock server remembers. */
export interface World {
  signedIn: boolean
  me: Me
  users: Schemas['DirectoryUser'][]
  records: Schemas['AuditRecord'][]
}

type Staff = 'SUPERADMIN' | 'SUPPORT' | 'CONTENT'

const PERMISSIONS: Record<Staff, string[]> = {
  SUPERADMIN: [
    'platform.audit.read',
    'platform.prices.manage',
    'platform.providers.manage',
    'platform.users.read',
  ],
  SUPPORT: ['platform.users.read'],
  CONTENT: [],
}

const uuid = (n: number) => `019d0000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()

function somebody(role: Staff): Me {
  return {
    user: { id: uuid(1), email: 'root@neipix.example', name: 'Ирина Орлова', locale: 'ru', blocked: false },
    role: 'ROLE_UNSPECIFIED',
    permissions: PERMISSIONS[role],
    platformRole: `PLATFORM_ROLE_${role}`,
    workspaces: [],
  }
}

const NAMES = ['Анна Смирнова', 'Борис Котов', 'Вера Лис', 'Глеб Панин', 'Дарья Чу']

function user(n: number): Schemas['DirectoryUser'] {
  const pix = String(n * 12_500_000)
  return {
    id: uuid(100 + n),
    email: `person${n}@romashka.example`,
    name: NAMES[n % NAMES.length]!,
    platformRole: n === 3 ? 'support' : '',
    blocked: n === 4,
    createTime: daysAgo(n),
    workspaces: n === 3 ? [] : [{ id: uuid(5000 + n), availableMicroPix: pix, createTime: daysAgo(n) }],
    availableMicroPix: n === 3 ? '0' : pix,
  }
}

function record(n: number): Schemas['AuditRecord'] {
  return {
    id: uuid(9000 + n),
    seq: String(n),
    service: 'svc-billing',
    actor: `user:${uuid(1)}`,
    onBehalfOf: '',
    action:
      n % 2
        ? 'neipix.billing.v1.PriceService/CreatePrice'
        : 'neipix.assistants.v1.ProviderService/TestProvider',
    object: `price:${uuid(300 + n)}`,
    reason: '',
    detail: '{"after":{"markupBp":10000}}',
    time: daysAgo(120 - n),
    prevHash: 'ab'.repeat(32),
    hash: 'cd'.repeat(32),
  }
}

function begin({ signedIn = true, role = 'SUPERADMIN' as Staff, users = 250 } = {}): World {
  return {
    signedIn,
    me: somebody(role),
    users: Array.from({ length: users }, (_, n) => user(n + 1)),
    records: Array.from({ length: 120 }, (_, n) => record(120 - n)),
  }
}

/** The one world of the mock server. */
export const world: World = begin()

/** Makes it anew. */
export function resetWorld(how: Parameters<typeof begin>[0] = {}): void {
  Object.assign(world, begin(how))
}
