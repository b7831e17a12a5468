import { Button, Field, Input, Segmented, Switch, Textarea } from '@neipix/ui'
import { useState, type SubmitEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { toaster } from '@app/shared/toaster'
import { isOrigin, originsOf, ORIGINS_MAX } from './origins'
import { useProblemText } from './problem'
import { useSaveWidget, type Channel, type WidgetSettings } from './queries'

const FRESH: WidgetSettings = {
  origins: [],
  locale: '',
  title: '',
  greeting: '',
  accent: '',
  side: 'right',
  scheme: '',
  requireIdentity: false,
}

const ACCENT = /^(#[0-9a-f]{6})?$/i

/** A widget begins with the sites that may show it; its look comes after. */
export function WidgetForm({ assistantId, channel }: { assistantId: string; channel: Channel | undefined }) {
  const { t } = useTranslation('channels')
  const problemText = useProblemText()
  const save = useSaveWidget(assistantId, channel)
  const [settings, setSettings] = useState<WidgetSettings>(() => settingsOf(channel))
  const [sites, setSites] = useState(() => settings.origins.join('\n'))
  const [tried, setTried] = useState(false)
  const change = (patch: Partial<WidgetSettings>) => setSettings((now) => ({ ...now, ...patch }))
  const origins = originsOf(sites)
  const bad = origins.find((origin) => !isOrigin(origin))
  const siteFault =
    origins.length === 0
      ? t('widget.originsNone')
      : bad
        ? t('widget.originFault', { origin: bad })
        : origins.length > ORIGINS_MAX
          ? t('widget.originsMany')
          : undefined
  const accentFault = ACCENT.test(settings.accent) ? undefined : t('widget.accentFault')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    setTried(true)
    if (siteFault || accentFault) return
    save.mutate(
      { ...settings, origins },
      {
        onSuccess: () => toaster.show({ tone: 'ok', title: t(channel ? 'widget.saved' : 'widget.created') }),
      },
    )
  }
  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t('widget.origins')} hint={t('widget.originsHint')} error={tried ? siteFault : undefined}>
        <Textarea
          minRows={2}
          maxRows={8}
          spellCheck={false}
          placeholder={t('widget.originsPlaceholder')}
          value={sites}
          onChange={(event) => setSites(event.target.value)}
        />
      </Field>
      {channel ? (
        <Look settings={settings} onChange={change} accentFault={tried ? accentFault : undefined} />
      ) : null}
      {save.isError ? (
        <p role="alert" className="text-danger text-sm">
          {problemText(save.error)}
        </p>
      ) : null}
      <div>
        <Button type="submit" variant="primary" loading={save.isPending}>
          {t(channel ? 'widget.save' : 'widget.create')}
        </Button>
      </div>
    </form>
  )
}

function settingsOf(channel: Channel | undefined): WidgetSettings {
  if (!channel?.widget) return FRESH
  const { origins, locale, title, greeting, accent, side, scheme, requireIdentity } = channel.widget
  return {
    origins,
    title,
    greeting,
    accent,
    requireIdentity,
    locale: locale === 'ru' || locale === 'en' ? locale : '',
    side: side === 'left' ? 'left' : 'right',
    scheme: scheme === 'light' || scheme === 'dark' ? scheme : '',
  }
}

interface LookProps {
  settings: WidgetSettings
  onChange: (patch: Partial<WidgetSettings>) => void
  accentFault: string | undefined
}

function Look({ settings, onChange, accentFault }: LookProps) {
  const { t } = useTranslation('channels')
  return (
    <fieldset className="grid gap-4 sm:grid-cols-2">
      <legend className="pb-3 text-sm font-semibold">{t('widget.settings')}</legend>
      <Field label={t('widget.name')} hint={t('widget.nameHint')}>
        <Input
          maxLength={60}
          value={settings.title}
          onChange={(event) => onChange({ title: event.target.value })}
        />
      </Field>
      <Field label={t('widget.accent')} hint={t('widget.accentHint')} error={accentFault}>
        <Input
          maxLength={7}
          spellCheck={false}
          value={settings.accent}
          onChange={(event) => onChange({ accent: event.target.value.trim() })}
        />
      </Field>
      <Field label={t('widget.greeting')} className="sm:col-span-2">
        <Textarea
          minRows={2}
          maxRows={5}
          maxLength={500}
          value={settings.greeting}
          onChange={(event) => onChange({ greeting: event.target.value })}
        />
      </Field>
      <Choice
        label={t('widget.scheme')}
        value={settings.scheme || 'device'}
        segments={[
          { value: 'device', label: t('widget.schemes.device') },
          { value: 'light', label: t('widget.schemes.light') },
          { value: 'dark', label: t('widget.schemes.dark') },
        ]}
        onChange={(value) => onChange({ scheme: value === 'device' ? '' : value })}
      />
      <Choice
        label={t('widget.side')}
        value={settings.side || 'right'}
        segments={[
          { value: 'left', label: t('widget.sides.left') },
          { value: 'right', label: t('widget.sides.right') },
        ]}
        onChange={(side) => onChange({ side })}
      />
      <Choice
        label={t('widget.language')}
        value={settings.locale || 'site'}
        segments={[
          { value: 'site', label: t('widget.languages.site') },
          { value: 'ru', label: t('widget.languages.ru') },
          { value: 'en', label: t('widget.languages.en') },
        ]}
        onChange={(value) => onChange({ locale: value === 'site' ? '' : value })}
      />
      <Switch
        label={t('widget.identity')}
        hint={t('widget.identityHint')}
        checked={settings.requireIdentity}
        onCheckedChange={(requireIdentity) => onChange({ requireIdentity })}
      />
    </fieldset>
  )
}

interface ChoiceProps<Value extends string> {
  label: string
  value: Value
  segments: { value: Value; label: string }[]
  onChange: (value: Value) => void
}

function Choice<Value extends string>({ label, value, segments, onChange }: ChoiceProps<Value>) {
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <span aria-hidden className="text-sm font-medium">
        {label}
      </span>
      <Segmented
        aria-label={label}
        segments={segments}
        value={value}
        onValueChange={onChange}
        className="self-start"
      />
    </div>
  )
}
