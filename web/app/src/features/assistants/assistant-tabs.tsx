import { cn, tabLook, tabRowLook } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { BookOpen, MessageCircleQuestionMark, PencilLine, Plug } from 'lucide-react'
import { useTranslation } from 'react-i18next'

/* On a phone all four stand side by side. */
const look = cn(tabLook, 'max-sm:px-2 max-sm:[&_svg]:hidden')

/** The screens of an assistant as tabs with addresses. */
export function AssistantTabs({ id }: { id: string }) {
  const { t } = useTranslation('assistants')
  const params = { id }
  return (
    <nav aria-label={t('tabs.label')} className={tabRowLook}>
      <Link to="/assistants/$id/instruction" params={params} className={look}>
        <PencilLine aria-hidden />
        {t('tabs.instruction')}
      </Link>
      <Link to="/assistants/$id/knowledge" params={params} className={look}>
        <BookOpen aria-hidden />
        {t('tabs.knowledge')}
      </Link>
      <Link to="/assistants/$id/channels" params={params} className={look}>
        <Plug aria-hidden />
        {t('tabs.channels')}
      </Link>
      <Link to="/assistants/$id/test" params={params} className={look}>
        <MessageCircleQuestionMark aria-hidden />
        {t('tabs.test')}
      </Link>
    </nav>
  )
}
